"""Builds the ring of signing keys, for the service and for the command `heartguard keys`."""

from heartguard_auth.settings import Settings
from heartguard_auth.store.keys import KeyRing
from heartguard_common.identity.authentication import Principal
from heartguard_common.runtime.dependencies import Dependencies

_MYSELF = Principal("service", "service", name="auth")


def make_ring(settings: Settings, dependencies: Dependencies) -> KeyRing:
    """The key ring; what it does by itself, as it comes of age, is written into the audit trail."""
    return KeyRing(
        dependencies.database,
        settings.key_ring_secret,
        dependencies.clock,
        access_seconds=settings.access_seconds,
        rotated=lambda kid: dependencies.audit.changed(
            _MYSELF, "auth.key_rotated", f"key:{kid}", payload={"by": "age"}
        ),
    )

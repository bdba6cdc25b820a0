"""Builds the ring of signing keys, for the service and for the command `heartguard keys`."""

from heartguard_auth.settings import Settings
from heartguard_auth.signing_keys.store.key_encryption import KeyEncryption
from heartguard_auth.signing_keys.store.key_ring import KeyRing
from heartguard_auth.signing_keys.store.rotation import PostgresKeyRotation
from heartguard_common.identity.authentication import Principal
from heartguard_common.runtime.dependencies import Dependencies

_AUTH = Principal("service", "service", name="auth")


def make_key_ring(settings: Settings, dependencies: Dependencies) -> KeyRing:
    """The ring of signing keys."""
    encryption = KeyEncryption(settings.key_ring_secret)
    return KeyRing(make_key_rotation(settings, dependencies), encryption, dependencies.clock)


def make_key_rotation(settings: Settings, dependencies: Dependencies) -> PostgresKeyRotation:
    """The rotation of signing keys; a rotation that is due by age is an audit event."""
    return PostgresKeyRotation(
        dependencies.database,
        KeyEncryption(settings.key_ring_secret),
        dependencies.clock,
        access_seconds=settings.access_seconds,
        rotated=lambda kid: dependencies.audit.changed(_AUTH, "auth.key_rotated", f"key:{kid}", payload={"by": "age"}),
    )

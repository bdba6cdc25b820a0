"""Builds the ring of signing keys, for the service and for the command `heartguard keys`."""

from collections.abc import Callable

from heartguard_auth.settings import Settings
from heartguard_auth.signing_keys.store.key_encryption import KeyEncryption
from heartguard_auth.signing_keys.store.key_ring import KeyRing
from heartguard_auth.signing_keys.store.rotation import PostgresKeyRotation
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.identity.authentication import Principal
from heartguard_common.stores.database import Database

_AUTH = Principal("service", "service", name="auth")


def make_key_ring(settings: Settings, database: Database, clock: Clock, audit: AuditTrail) -> KeyRing:
    """The ring of signing keys."""
    encryption = KeyEncryption(settings.key_ring_secret)
    return KeyRing(make_key_rotation(settings, database, clock, by_age(audit)), encryption, clock)


def make_key_rotation(
    settings: Settings, database: Database, clock: Clock, rotated: Callable[[str], object]
) -> PostgresKeyRotation:
    """The rotation of signing keys; `rotated` is called with the id of a key that begins to sign by age."""
    encryption = KeyEncryption(settings.key_ring_secret)
    return PostgresKeyRotation(database, encryption, clock, access_seconds=settings.access_seconds, rotated=rotated)


def by_age(audit: AuditTrail) -> Callable[[str], object]:
    """Records that a key begins to sign by age."""
    return lambda kid: audit.changed(_AUTH, "auth.key_rotated", f"key:{kid}", payload={"by": "age"})

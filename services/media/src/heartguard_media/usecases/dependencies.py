"""The settings and stores of the use cases of media."""

from dataclasses import dataclass

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authority import Authority
from heartguard_common.jobs.dead_letters import DeadLetterStore
from heartguard_media.ports import Archives, Items, ObjectStore

SLOWEST_BYTES_PER_SECOND = 4096  # the gateway gives up on slower bodies
# How long the file of an import is kept if influx does not remove it: imports wait for each other, and for a new day
# where a limit of a day is used up.
IMPORT_SECONDS = 7 * 86_400
# Some two days; the sweeper runs every quarter of an hour.
RETRY = RetryPolicy(max_attempts=12, first_delay=600.0, longest_delay=6 * 3600.0)


@dataclass(frozen=True)
class Rules:
    """The settings of the use cases: sizes in bytes, lifetime of a URL in seconds, the allow-list of types."""

    max_bytes: int
    import_bytes: int
    url_seconds: int
    url_secret: str
    public_url: str
    types: tuple[str, ...]


@dataclass(frozen=True)
class Stores:
    """The ports that the use cases need."""

    items: Items
    objects: ObjectStore
    audit: AuditTrail
    clock: Clock
    archives: Archives
    transaction: Transaction
    authority: Authority
    dead_letters: DeadLetterStore

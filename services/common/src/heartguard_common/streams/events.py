"""What is published: the events of one organization, and the names of the keys in Redis that hold them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from heartguard_common.contract.json_documents import dump_json

POINTS = "points"
JOBS = "jobs"
ALARMS = "alarms"
TOPICS = (POINTS, JOBS, ALARMS)
"""What a stream can be about; each is also the name of its events."""
RESET = "reset"
"""Says that something is missing from here on, or was removed: whoever shows it must query again."""
LOST, REMOVED = b"lost", b"removed"
"""Its data: why."""

RESUME_SECONDS = 600
"""How long an event can be replayed, and how long after the last listener events are published."""
MAX_BYTES = 8 * 1024 * 1024
"""How much Redis holds for one organization; more events than that in ten minutes lose the oldest of them."""
KEPT_SECONDS = 2 * RESUME_SECONDS
"""The keys expire when nothing was published for so long."""


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One event: `document` is a message of the contract named `message`.

    `person` is the member whom it is about, None where it is about the organization or says it in each of its points.
    `encoded` is the document in JSON where the event came from Redis.
    """

    topic: str
    message: str
    document: Mapping[str, Any]
    person: int | None = None
    encoded: bytes | None = field(default=None, compare=False, repr=False)

    def encode(self) -> bytes:
        """The event as a JSON array, the form in Redis; its end is the document as clients get it in JSON."""
        return b"%b,%b]" % (dump_json([self.message, self.person])[:-1], dump_json(self.document))


def decode(topic: str, data: bytes) -> LiveEvent:
    """The event of a topic and its encoded rest. Raises ValueError."""
    message, person, document = json.loads(data)
    return LiveEvent(topic, message, document, person, data[data.index(b"{") : -1])


def stream_key(org_id: int) -> str:
    """The Redis Stream of an organization."""
    return f"hg:live:{{org:{org_id}}}"


def counter_key(org_id: int) -> str:
    """The number of the last event of an organization; it lives on the same node of a cluster."""
    return f"hg:live:{{org:{org_id}}}:last"


def run_key(org_id: int) -> str:
    """Which run of Redis has numbered the events: see `source.py` of the gateway."""
    return f"hg:live:{{org:{org_id}}}:run"

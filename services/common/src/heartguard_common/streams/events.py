"""What is published: the events of one organization, and the names of the keys in Redis that hold them."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar, NamedTuple, TypeAlias

from heartguard_common.contract.json_documents import dump_json
from heartguard_common.core.clock import rfc3339
from heartguard_common.messages import StreamPointDocument, StreamPoints

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

_LINES = json.JSONEncoder(ensure_ascii=False, separators=("\n", ":"), allow_nan=False)
"""Encodes a list of values as one line for each: no line break is left in a JSON text."""


@dataclass(frozen=True)
class LiveEvent:
    """One event: `document` is a message of the contract named `message`.

    `person` is the member whom it is about, None where it is about the organization.
    """

    topic: str
    message: str
    document: Mapping[str, Any]
    person: int | None = None

    @cached_property
    def json(self) -> bytes:
        """The document in JSON."""
        return dump_json(self.document)

    @property
    def size(self) -> int:
        """How many bytes a client gets of it."""
        return len(self.json)

    def encode(self) -> bytes:
        """The event as it is in Redis."""
        return _pack(dump_json([self.message, self.person, self.document]))


class Run(NamedTuple):
    """Points that follow each other and differ in time and values only.

    `values` are those of all points, one after the other; each point has as many as there are `fields`.
    """

    measurement: str
    tags: Mapping[str, str]
    fields: Sequence[str]
    out_of_range: str | None
    times_ns: list[int]
    values: list[float | bool | str]

    @property
    def documents(self) -> Iterator[StreamPointDocument]:
        """Each point as clients get it."""
        values = iter(self.values)
        for time_ns in self.times_ns:
            document: StreamPointDocument = {
                "measurement": self.measurement,
                "tags": dict(self.tags),
                "fields": dict(zip(self.fields, values, strict=False)),
                "time": rfc3339(time_ns),
            }
            if self.out_of_range is not None:
                document["out_of_range"] = self.out_of_range
            yield document

    @property
    def texts(self) -> Iterator[str]:
        """The same in JSON: what the points share is encoded once."""
        shared = _text({"measurement": self.measurement, "tags": self.tags})[:-1].replace("%", "%%")
        names = ",".join(_text(name).replace("%", "%%") + ":%s" for name in self.fields)
        reason = "" if self.out_of_range is None else f',"out_of_range":{_text(self.out_of_range)}'.replace("%", "%%")
        form = f'{shared},"fields":{{{names}}},"time":"%s"{reason}}}'
        values = iter(_LINES.encode(self.values)[1:-1].split("\n"))
        yield from map(form.__mod__, zip(*[values] * len(self.fields), map(rfc3339, self.times_ns), strict=False))


@dataclass(frozen=True)
class PointsEvent:
    """Points of a bucket that were stored together; the tags say whose they are.

    Whoever stores points waits while they are written, so what they share is written once. Documents are made by those
    who have listeners for them.
    """

    bucket: str
    runs: Sequence[Run]
    topic: ClassVar[str] = POINTS
    message: ClassVar[str] = "StreamPoints"
    person: ClassVar[int | None] = None

    @cached_property
    def document(self) -> StreamPoints:
        """What clients get."""
        return {"bucket": self.bucket, "points": list(chain.from_iterable(run.documents for run in self.runs))}

    @cached_property
    def json(self) -> bytes:
        """The document in JSON."""
        points = ",".join(chain.from_iterable(run.texts for run in self.runs))
        return f'{{"bucket":{_text(self.bucket)},"points":[{points}]}}'.encode()

    @property
    def size(self) -> int:
        """About how many bytes a client gets of it."""
        return len(self._listed) + sum(len(run.times_ns) * len(_text(run[:4])) for run in self.runs)

    def encode(self) -> bytes:
        """The event as it is in Redis."""
        return _pack(self._listed)

    @cached_property
    def _listed(self) -> bytes:
        return dump_json([self.bucket, self.runs])


Event: TypeAlias = LiveEvent | PointsEvent


def decode(topic: str, data: bytes) -> Event:
    """The event of a topic, from what is in Redis. Raises ValueError for anything else."""
    try:
        listed = json.loads(zlib.decompress(data))
        if topic == POINTS:
            bucket, runs = listed
            return PointsEvent(bucket, [Run(*run) for run in runs])
        message, person, document = listed
    except (TypeError, ValueError, zlib.error) as error:
        raise ValueError("not an event of this version") from error
    return LiveEvent(topic, message, document, person)


def stream_key(org_id: int) -> str:
    """The Redis Stream of an organization."""
    return f"hg:live:{{org:{org_id}}}"


def counter_key(org_id: int) -> str:
    """The number of the last event of an organization; it lives on the same node of a cluster."""
    return f"hg:live:{{org:{org_id}}}:last"


def run_key(org_id: int) -> str:
    """Which run of Redis has numbered the events: see `source.py` of the gateway."""
    return f"hg:live:{{org:{org_id}}}:run"


def _pack(listed: bytes) -> bytes:
    """Redis keeps ten minutes of events, and writes them to its disk: both are worth the time to compress them."""
    return zlib.compress(listed, 1)


def _text(value: object) -> str:
    return dump_json(value).decode()

"""The endpoints of InfluxDB's API with which its clients write points and find buckets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from heartguard_common.contract.contracts import Contracts, Violations
from heartguard_common.core.errors import LIMIT_FOR_NOW, LIMIT_REACHED, TOO_LARGE, ServiceError
from heartguard_common.core.limits import LimitError
from heartguard_common.http.routing import ANY_TYPE, Answer, Call, Read, Route
from heartguard_common.messages import (
    InfluxBucketList,
    InfluxBucketQuery,
    InfluxDatabaseWriteQuery,
    InfluxOrganizationList,
    InfluxOrganizationQuery,
    InfluxWriteQuery,
    PointDocument,
    WriteRequest,
)
from heartguard_influx.errors import NO_BUCKET, NO_ORGANIZATION, NO_RETENTION_POLICY, PARTIAL_WRITE
from heartguard_influx.influxdb_api import documents
from heartguard_influx.influxdb_api.domain import PRECISIONS_1, RETENTION_POLICIES
from heartguard_influx.influxdb_api.usecases import InfluxNames
from heartguard_influx.points.domain.line_protocol import MOST_POINTS, Dropped, Lines, parse_each
from heartguard_influx.points.routes import BULK_VALUES, LINES
from heartguard_influx.points.usecases.writing import Writing

_ANY, *_ = ANY_TYPE
_MOST_NAMED = 5
"""How many dropped lines an error names."""
FULL_SECONDS = "600"
"""When an organization without room is asked again: the longest that Telegraf waits."""


class UseCases(Protocol):
    """What the handlers call."""

    @property
    def writing(self) -> Writing:
        """Writes points."""

    @property
    def influx_names(self) -> InfluxNames:
        """Finds buckets by the names and ids of InfluxDB."""


@dataclass(frozen=True)
class LineByLine:
    """A batch whose good lines are stored: the points, the number of the line of each, and the lines that are none."""

    lines: Lines
    numbers: Sequence[int]
    dropped: Sequence[Dropped]


def write_lines(usecases: UseCases, call: Call[WriteRequest | LineByLine, InfluxWriteQuery]) -> Answer[None]:
    """Write points as a client of InfluxDB 2.

    The body is line protocol, whatever its `Content-Type` says. `org` may be left out. Each line that can't be stored
    is dropped and all others are stored: 204 if all were, otherwise 400 with `partial write: ... dropped=N`.
    """
    query = call.query
    usecases.influx_names.require_organization(call.person, query.get("org"), query.get("orgID"))
    return _write(usecases, call, query["bucket"])


def write_lines_to_database(
    usecases: UseCases, call: Call[WriteRequest | LineByLine, InfluxDatabaseWriteQuery]
) -> Answer[None]:
    """Write points as a client of InfluxDB 1.

    `db` is the bucket. An API key is the password, as Basic credentials or as `p`; the user name is not read.
    """
    if call.query.get("rp", "") not in RETENTION_POLICIES:
        raise ServiceError(NO_RETENTION_POLICY)
    return _write(usecases, call, call.query["db"])


def list_buckets_for_influxdb(usecases: UseCases, call: Call[None, InfluxBucketQuery]) -> Answer[InfluxBucketList]:
    """List buckets as InfluxDB 2 does.

    A member with the role user sees the organization's own bucket, and any other by its name or id.
    """
    query = call.query
    usecases.influx_names.require_organization(call.person, query.get("org"), query.get("orgID"))
    found = usecases.influx_names.list(call.person, query.get("name"), query.get("id"))
    begin = query.get("offset", 0)
    return Answer(documents.bucket_list(found[begin : begin + query.get("limit", 100)]))


def list_organizations_for_influxdb(
    usecases: UseCases, call: Call[None, InfluxOrganizationQuery]
) -> Answer[InfluxOrganizationList]:
    """Read the caller's organization as InfluxDB 2 lists it."""
    query = call.query
    found = usecases.influx_names.require_organization(call.person, query.get("org"), query.get("orgID"))
    return Answer(documents.organization_list([found]))


def _write(usecases: UseCases, call: Call[WriteRequest | LineByLine, object], reference: str) -> Answer[None]:
    """Store what can be stored. Raises TS_001, TS_020 for lines that can't, GEN_429_LIMIT without room for values."""
    batch = call.document
    assert isinstance(batch, LineByLine)  # the readers return nothing else
    bucket = usecases.influx_names.bucket(call.person, reference)
    dropped = list(batch.dropped)
    if batch.numbers:
        try:
            verdicts = usecases.writing.write(
                call.person, bucket.name, batch.lines.points, times_ns=batch.lines.times_ns, atomic=False
            )
        except LimitError as error:
            _make_temporary(error)
            raise
        dropped += [
            Dropped(number, verdict.reason or "")
            for number, verdict in zip(batch.numbers, verdicts, strict=True)
            if verdict.status == "rejected"
        ]
    if dropped:
        raise ServiceError(PARTIAL_WRITE, _summary(sorted(dropped)))
    return Answer(None)


def _summary(dropped: Sequence[Dropped]) -> str:
    """The message of InfluxDB for a batch of which lines were dropped; clients look for `partial write`."""
    named = "; ".join(f"line {number}: {reason}" for number, reason in dropped[:_MOST_NAMED])
    more = "; and others" if len(dropped) > _MOST_NAMED else ""
    return f"partial write: {named}{more} dropped={len(dropped)}"


def _make_temporary(error: LimitError) -> None:
    """Make a limit 429 in any case: clients of InfluxDB throw a batch away that gets 409, and keep it after 429."""
    if error.error_code is LIMIT_REACHED:
        error.error_code = LIMIT_FOR_NOW
        error.headers = {"Retry-After": FULL_SECONDS}


def _read_each(body: bytes, query: InfluxWriteQuery | InfluxDatabaseWriteQuery) -> Read:
    """The lines of a body. Raises GEN_413 for too many: clients send them again in smaller batches."""
    parsed = parse_each(body, PRECISIONS_1[query.get("precision", "ns")])
    if len(parsed) > MOST_POINTS:
        raise ServiceError(TOO_LARGE, f"The body is limited to {MOST_POINTS} lines")
    broken = _violations(parsed.lines.points)
    if not broken:
        return Read(None, LineByLine(*parsed))
    kept = [place for place in range(len(parsed.numbers)) if place not in broken]
    lines = Lines([parsed.lines.points[place] for place in kept], [parsed.lines.times_ns[place] for place in kept])
    dropped = [Dropped(parsed.numbers[place], reason) for place, reason in broken.items()]
    return Read(None, LineByLine(lines, [parsed.numbers[place] for place in kept], [*parsed.dropped, *dropped]))


def _violations(points: Sequence[PointDocument]) -> dict[int, str]:
    """The places of the points that the contract of a WriteRequest does not permit, each with the first reason."""
    check = Contracts.load()["WriteRequest"].check
    if points and _violation(check, points) is None:
        return {}
    found = ((place, _violation(check, [point])) for place, point in enumerate(points))
    return {place: reason for place, reason in found if reason is not None}


def _violation(check: Callable[[object], None], points: Sequence[PointDocument]) -> str | None:
    try:
        check({"bucket": "org_1", "points": points})
    except Violations as error:
        first = error.violations[0]
        return f"{first.path.removeprefix('/points/0')} {first.message}".strip()
    return None


def _is_bulk(call: Call[WriteRequest | LineByLine, object]) -> bool:
    batch = call.document
    return isinstance(batch, LineByLine) and sum(len(point["fields"]) for point in batch.lines.points) > BULK_VALUES


_BODIES = (LINES, _ANY)
_READERS = {_ANY: _read_each}
ROUTES = (
    Route(
        "POST",
        "/api/v2/write",
        write_lines,
        status=204,
        accepts=_BODIES,
        offers=ANY_TYPE,
        readers=_READERS,
        expensive=_is_bulk,
        raises=(NO_BUCKET, PARTIAL_WRITE, NO_ORGANIZATION, LIMIT_FOR_NOW),
    ),
    Route(
        "POST",
        "/write",
        write_lines_to_database,
        status=204,
        accepts=_BODIES,
        offers=ANY_TYPE,
        readers=_READERS,
        expensive=_is_bulk,
        raises=(NO_BUCKET, PARTIAL_WRITE, NO_RETENTION_POLICY, LIMIT_FOR_NOW),
    ),
    Route("GET", "/api/v2/buckets", list_buckets_for_influxdb, raises=(NO_BUCKET, NO_ORGANIZATION)),
    Route("GET", "/api/v2/orgs", list_organizations_for_influxdb, raises=(NO_BUCKET, NO_ORGANIZATION)),
)

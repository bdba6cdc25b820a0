"""Deprecated routes: since when, until when they answer, and the headers that say so (RFC 9745, RFC 8594)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

KEYS = frozenset({"deprecated", "sunset"})


@dataclass(frozen=True)
class Deprecation:
    """When a route became or becomes deprecated, and when it stops answering, if that is known."""

    since: datetime
    sunset: datetime | None = None

    def headers(self, documentation: str) -> tuple[tuple[str, str], ...]:
        """`Deprecation`, `Sunset`, and a link to a page that says what to use instead."""
        headers = [("Deprecation", f"@{int(self.since.timestamp())}")]
        if self.sunset is not None:
            headers.append(("Sunset", format_datetime(self.sunset.astimezone(UTC), usegmt=True)))
        headers.append(("Link", f'<{documentation}>; rel="deprecation"; type="text/html"'))
        return tuple(headers)


def problems(entry: Mapping[str, object]) -> Iterator[str]:
    """What is wrong with the keys `deprecated` and `sunset` of a rule."""
    times = {name: value for name in KEYS if (value := _time(entry.get(name))) is not None}
    for name in sorted((KEYS & entry.keys()) - times.keys()):
        yield f"{name} must be a date and time with an offset, such as 2027-01-31T00:00:00Z"
    if "sunset" in entry and "deprecated" not in entry:
        yield "sunset needs deprecated, which says since when the route is deprecated"
    elif times.keys() == KEYS and times["sunset"] < times["deprecated"]:
        yield "sunset must not be before deprecated (RFC 9745 section 4)"


def read(entry: Mapping[str, object]) -> Deprecation | None:
    """The deprecation of a rule without problems; None where it has none."""
    since = _time(entry.get("deprecated"))
    return None if since is None else Deprecation(since, _time(entry.get("sunset")))


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) and value.tzinfo is not None else None

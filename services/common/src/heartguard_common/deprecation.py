"""A route that is to go: since when it is deprecated, when it ends, and the headers for that (RFC 9745, RFC 8594)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

KEYS = frozenset({"deprecated", "sunset"})


@dataclass(frozen=True)
class Deprecation:
    """When a route became or becomes deprecated, and when it will answer no more, if that is known."""

    since: datetime
    sunset: datetime | None = None

    def headers(self, documentation: str) -> tuple[tuple[str, str], ...]:
        """`Deprecation`, `Sunset`, and a link to a page that says what to use instead."""
        headers = [("Deprecation", f"@{int(self.since.timestamp())}")]
        if self.sunset is not None:
            headers.append(("Sunset", format_datetime(self.sunset.astimezone(UTC), usegmt=True)))
        headers.append(("Link", f'<{documentation}>; rel="deprecation"; type="text/html"'))
        return tuple(headers)


def faults(entry: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the keys `deprecated` and `sunset` of a row."""
    found = {name: entry[name] for name in sorted(KEYS & entry.keys())}
    wrong = [name for name, value in found.items() if not isinstance(value, datetime) or value.tzinfo is None]
    for name in wrong:
        yield f"{name} must be a date and time with an offset, such as 2027-01-31T00:00:00Z"
    if "sunset" in found and "deprecated" not in found:
        yield "sunset needs deprecated: since when the route is"
    elif not wrong and "sunset" in found and found["sunset"] < found["deprecated"]:
        yield "sunset must not be before deprecated (RFC 9745 section 4)"


def read(entry: Mapping[str, Any]) -> Deprecation | None:
    """What a row without faults says."""
    return Deprecation(entry["deprecated"], entry.get("sunset")) if "deprecated" in entry else None

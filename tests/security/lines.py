"""The log lines of a running system, as a person's log reader sees them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from heartguard_common.core.registry import SERVICES
from tests.clone import Clone
from tests.servers import until

STREAM = "stream"
Line = Mapping[str, Any]


def lines(clone: Clone, marks: Iterable[str]) -> dict[str, dict[str, list[Line]]]:
    """The lines by request id and service; waits until the gateway has written one for each of `marks`.

    The stream process writes those of the connections that the gateway has handed to it.

    Fails where a line of a service is no JSON object.
    """
    wanted = set(marks)
    found: dict[str, dict[str, list[Line]]] = {}

    def there() -> bool:
        found.clear()
        for service, parsed in all_lines(clone):
            if parsed["request_id"] is not None:
                by = "gateway" if service == STREAM else service
                found.setdefault(parsed["request_id"], {}).setdefault(by, []).append(parsed)
        return all("gateway" in found.get(mark, ()) for mark in wanted)

    until(there, "a line of the gateway for each request")
    return found


def all_lines(clone: Clone) -> list[tuple[str, Line]]:
    """Every line of the services. Raises ValueError for one that is no JSON object of ours."""
    read = []
    for service in (*SERVICES, STREAM):
        text = (clone.layout.log / f"{service}.log").read_bytes()
        # A line that is still being written has no end yet.
        for line in text.split(b"\n")[:-1]:
            parsed = json.loads(line)
            if parsed["service"] != service:
                raise ValueError(f"{service} wrote a line of {parsed['service']}")
            read.append((service, parsed))
    return read

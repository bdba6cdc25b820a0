"""All log lines of one request, from every service's log and its older files, in the order of their times."""

import json
from collections.abc import Iterator
from pathlib import Path

IDS = ("request_id", "gateway_request_id")


def lines_of(request_id: str, directory: Path) -> list[str]:
    """The lines that carry the id as the client's or as the gateway's, also those that share the client's with such."""
    wanted = request_id.encode()
    found = list(_lines(directory, {request_id}, wanted))
    # the gateway's own id stands in its line only: the services' lines carry the client's
    also = {str(document["request_id"]) for _, document in found} - {request_id, "None"}
    for other in sorted(also):
        found += _lines(directory, {other}, other.encode())
    unique = {text: str(document.get("timestamp", "")) for text, document in found}
    return sorted(unique, key=lambda text: unique[text])


def _lines(directory: Path, ids: set[str], wanted: bytes) -> Iterator[tuple[str, dict[str, object]]]:
    for file in sorted(directory.glob("*.log*")):
        with file.open("rb") as stream:
            for line in stream:
                # looked for as bytes first: parsing 40 MB of lines would take a minute
                if wanted in line and (document := _parsed(line)) and ids & {str(document.get(name)) for name in IDS}:
                    yield line.decode(errors="replace").rstrip("\n"), document


def _parsed(line: bytes) -> dict[str, object] | None:
    try:
        document = json.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) and "request_id" in document else None

"""The error codes of all services, from their registries."""

import importlib
from collections.abc import Iterator, Mapping, Sequence

from heartguard_common.core.errors import CODES, ErrorCode
from heartguard_common.identity.policy import SERVICES

SHARED = ""


def error_catalogue() -> dict[str, tuple[ErrorCode, ...]]:
    """The error codes of each service; the shared ones under the empty name."""
    rows: dict[str, tuple[ErrorCode, ...]] = {SHARED: CODES}
    for service in SERVICES:
        rows[service] = tuple(importlib.import_module(f"heartguard_{service}.errors").CODES)
    return rows


def in_order(catalogue: Mapping[str, Sequence[ErrorCode]]) -> Iterator[tuple[str, ErrorCode]]:
    """Each error code once, sorted, with the service that uses it: `any` for the shared ones."""
    found = {row.code: (service or "any", row) for service, rows in catalogue.items() for row in rows}
    return (found[code] for code in sorted(found))

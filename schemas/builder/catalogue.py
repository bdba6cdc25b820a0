"""The error codes of all services, from their registries."""

import importlib
from collections.abc import Iterator, Mapping, Sequence

from heartguard_common.core.errors import CODES, ErrorCode
from heartguard_common.identity.policy import SERVICES

SHARED = ""


def error_catalogue() -> dict[str, tuple[ErrorCode, ...]]:
    """The error codes of each service; the shared ones under the empty name."""
    codes: dict[str, tuple[ErrorCode, ...]] = {SHARED: CODES}
    for service in SERVICES:
        codes[service] = tuple(importlib.import_module(f"heartguard_{service}.errors").CODES)
    return codes


def in_order(catalogue: Mapping[str, Sequence[ErrorCode]]) -> Iterator[tuple[str, ErrorCode]]:
    """Each error code once, sorted, with the service that uses it: `any` for the shared ones."""
    found = {error.code: (service or "any", error) for service, codes in catalogue.items() for error in codes}
    return (found[code] for code in sorted(found))

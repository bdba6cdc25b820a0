"""How the request and the counts of an import stand in their columns."""

from collections.abc import Mapping
from typing import Any

from heartguard_common.identity.api_key import ApiKey
from heartguard_common.identity.authentication import Principal
from heartguard_influx.imports.domain import Counts, FileReport, Request


def of_request(request: Request) -> dict[str, object]:
    """What was asked for; the organization and the person have columns of their own."""
    principal, key = request.principal, request.principal.api_key
    document = {name: value for name, value in vars(request).items() if name not in ("principal", "user_id")}
    document |= {"by": principal.user_id, "role": principal.role}
    if key is not None:
        # Not its scopes and networks: the request was within them.
        document["key"] = {
            "id": key.id,
            "kind": key.kind,
            "member_role": key.member_role,
            "version": key.version,
            "buckets": sorted(key.buckets),
        }
    return document


def read_request(document: Mapping[str, Any], org_id: int, user_id: int) -> Request:
    """What was asked for."""
    found = dict(document)
    key = found.pop("key", None)
    api_key = None if key is None else ApiKey(**{**key, "buckets": frozenset(key["buckets"])})
    principal = Principal("person", found.pop("role"), found.pop("by"), org_id, api_key=api_key)
    return Request(principal=principal, user_id=user_id, **found)


def of_counts(counts: Counts) -> dict[str, object]:
    """The counts; the position has a column of its own."""
    report = counts.report
    return {
        "stored": counts.stored,
        "duplicates": counts.duplicates,
        "rejected": dict(counts.rejected),
        "report": None if report is None else dict(vars(report)),
    }


def read_counts(document: Mapping[str, Any], position: int) -> Counts:
    """The counts of a row."""
    report = document["report"]
    if report is not None:
        report = FileReport(**{**report, "examples": [(reason, place) for reason, place in report["examples"]]})
    return Counts(position, document["stored"], document["duplicates"], document["rejected"], report)

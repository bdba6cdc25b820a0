"""API keys of the protected stack, and requests with them."""

import json
from dataclasses import dataclass
from typing import Any

from tests.protection.stack import JSON, Person, ProtectedStack
from tests.service.gateway.stack import Answer

NOW_POINT = {"measurement": "heart_rate", "fields": {"bpm": 71}}
ENTRY_POINTS = ("gateway", "influx")


@dataclass(frozen=True)
class Key:
    """A key as its owner knows it."""

    id: str
    secret: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


def make(stack: ProtectedStack, by: Person, kind: str = "device", **more: Any) -> Key:
    """A new key, made through the gateway."""
    made = stack.post("/auth/api-keys", {"kind": kind, "name": "of a test", **more}, by.bearer)
    assert made.status == 201, made.body
    return Key(made.json["id"], made.json["key"])


def change(stack: ProtectedStack, by: Person, method: str, path: str, document: Any = None) -> Answer:
    """A request of a person about a key, which must succeed."""
    body = b"" if document is None else json.dumps(document).encode()
    answer = stack.entry_points["gateway"].ask(method, path, {**by.bearer, "Content-Type": JSON}, body)
    assert answer.status < 300, answer.body
    return answer


def write(stack: ProtectedStack, key: Key, org_id: int, entry_point: str = "gateway", **more: Any) -> Answer:
    """Write a point with a key."""
    document = {"bucket": more.pop("bucket", f"org_{org_id}"), "points": [{**NOW_POINT, **more}]}
    headers = {**key.bearer, "Content-Type": JSON}
    body = json.dumps(document).encode()
    return stack.entry_points[entry_point].ask("POST", "/timeseries/write", headers, body)


def statuses(stack: ProtectedStack, key: Key, org_id: int) -> list[int]:
    """The status of a write at the gateway and at the service's own port."""
    return [write(stack, key, org_id, entry_point).status for entry_point in ENTRY_POINTS]


def full_rights(stack: ProtectedStack, admin: Person) -> Key:
    """An integration key with each scope that there is."""
    scopes = change(stack, admin, "GET", "/auth/scopes").json["items"]
    return make(stack, admin, "integration", scopes=[scope["name"] for scope in scopes])

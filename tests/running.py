"""One running system for all tests that only talk to it: a copy of the tree, started as a person starts it."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from dotenv import dotenv_values

from tests.clone import Clone
from tests.leaks import leaked
from tests.openapi_documents import by_permission, documents

PORTAL = "https://portal.example"
"""The one origin that may call the running system from a browser."""


@dataclass(frozen=True)
class RunningSystem:
    """Where it listens, and the operator's credentials; its rate limit is far above what tests send."""

    clone: Clone
    gateway_url: str
    operator: dict[str, str]

    def service(self, name: str) -> dict[str, str]:
        """The credentials of a service, for calls between services."""
        secret = dotenv_values(self.clone.root / ".env")[f"{name.upper()}_SERVICE_SECRET"]
        return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


@pytest.fixture(scope="session")
def running_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A started system without any data; answers are held against their contract."""
    clone = Clone.make(tmp_path_factory.mktemp("system"))
    clone.hash_lightly()
    try:
        url = f"http://127.0.0.1:{clone.ports['gateway']}"
        started = clone.start(HEARTGUARD_ENV="test", PUBLIC_URL=url, ALLOWED_ORIGINS=PORTAL, DEMO_ENABLED="on")
        assert started.returncode == 0, started.stdout + started.stderr
        token = dotenv_values(clone.root / ".env")["OPERATOR_TOKEN"]
        system = RunningSystem(clone, url, {"Authorization": f"Bearer {token}"})
        _found(system)
        yield system
        missing = unlisted(clone)
        assert not missing, f"the OpenAPI documents do not list {missing}"
        secrets = leaked(clone)
        assert not secrets, "\n".join(secrets[:20])
    finally:
        clone.stop()


# Answered before a route is known: they belong to a path or to a connection, not to an operation.
NOWHERE = {"unmatched", "unparsed", "preflight"}


def unlisted(clone: Clone) -> list[str]:
    """What was refused with a code that the operation does not list in its OpenAPI document, by the log lines."""
    operations = by_permission(*documents(clone.root / "schemas"))
    listed = {name: operation["x-error-codes"] for name, operation in operations.items()}
    found = set()
    for log in clone.layout.log.glob("*.log"):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            fields = json.loads(line) if line.startswith('{"') else {}
            route, code = fields.get("route"), fields.get("code")
            if code and route and route not in NOWHERE and code not in listed.get(route, ()):
                found.add(f"{route} {code}")
    return sorted(found)


FOUNDER = {"email": "user@hg.io", "password": "Secret123"}


def _found(system: RunningSystem) -> None:
    """The plan's own registration, before any other: its answers print user 1 and organization 1."""
    body = {**FOUNDER, "role": "admin"}
    answer = requests.post(system.gateway_url + "/auth/register", json=body, timeout=60)
    assert answer.status_code == 201, answer.text


@pytest.fixture
def plan_founder(running_system: RunningSystem) -> dict[str, object]:
    """User 1, admin of organization 1, freshly logged in: the pair of tokens and a `bearer` header."""
    url = running_system.gateway_url + "/auth/"
    tokens = requests.post(url + "login", json=FOUNDER, timeout=60).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    profile = requests.get(url + "profile", headers=bearer, timeout=60).json()
    return {**tokens, "bearer": bearer, "user_id": profile["id"], "email": profile["email"]}

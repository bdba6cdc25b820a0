"""The whole way of an organization on a running system: a trial, over its limit, grace, read-only, active again."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest
import requests

from tests.running import RunningSystem
from tests.servers import until

NUMBERS = itertools.count(1)
PASSWORD = "Secret123"
WARNING = "HeartGuard-Limit-Warning"
PAST = "2026-01-31"


class Clinic:
    """A new organization and its admin."""

    def __init__(self, system: RunningSystem) -> None:
        self._system = system
        account = {"email": f"trial.{next(NUMBERS)}@plans.example", "password": PASSWORD}
        made = self._send("POST", "/auth/register", {**account, "organization_name": "Trial"})
        self.id = made.json()["org_id"]
        tokens = self._send("POST", "/auth/login", account).json()
        self._bearer = {"Authorization": f"Bearer {tokens['access_token']}"}

    def ask(self, method: str, path: str, document: object = None) -> requests.Response:
        """A request of the admin."""
        return self._send(method, path, document, self._bearer)

    def join(self) -> requests.Response:
        """Add a member."""
        member = {"email": f"member.{next(NUMBERS)}@plans.example", "password": PASSWORD, "role": "user"}
        return self.ask("POST", "/auth/register", member)

    def warning(self) -> str:
        """The header of an answer that is not about limits."""
        return self.ask("GET", "/users/me").headers.get(WARNING, "")

    def command(self, *words: object) -> str:
        """What an operator's command about the organization prints."""
        done = self._system.clone.script(
            "heartguard", "organizations", str(words[0]), str(self.id), *map(str, words[1:])
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return str(done.stdout)

    def events(self, action: str) -> list[Mapping[str, Any]]:
        """The payloads of events of an action, oldest first."""
        found = self.ask("GET", f"/audit/events?action={action}").json()["items"]
        return [it["payload"] for it in reversed(found)]

    def _send(
        self, method: str, path: str, document: object = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        url = self._system.gateway_url + path
        return requests.request(method, url, json=document, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def clinic(running_system: RunningSystem) -> Clinic:
    return Clinic(running_system)


def test_the_whole_way_of_an_organization(clinic: Clinic) -> None:
    _trial(clinic)
    _over_its_limit(clinic)
    _grace(clinic)
    _read_only(clinic)
    _active_again(clinic)


def _trial(clinic: Clinic) -> None:
    assert "plan  trial (running), until 2126-12-31T00:00:00Z" in clinic.command(
        "plan", "trial", "--until", "2126-12-30"
    )
    clinic.command("limits", "--set", "members=6")
    usage = clinic.ask("GET", "/organization/usage").json()
    assert (usage["mode"], usage["plan"]["name"]) == ("active", "trial")
    items = {it["name"]: it for it in usage["items"]}
    assert (items["members"]["source"], items["series"]["source"]) == ("own", "plan")


def _over_its_limit(clinic: Clinic) -> None:
    assert [clinic.join().status_code for _ in range(4)] == [201] * 4
    clinic.command("limits", "--set", "members=5")
    until(lambda: clinic.warning() == "members;used=100", "the warning")
    refused = clinic.join()
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "GEN_409_LIMIT")
    assert refused.headers[WARNING] == "members;used=100"
    until(lambda: bool(clinic.events("organization.limit_reached")), "the event")
    assert clinic.events("organization.limit_reached") == [{"limit": "members", "used": 5, "value": 5, "percent": 100}]
    clinic.command("limits", "--set", "members=default")
    until(lambda: clinic.warning() == "", "the end of the warning")


def _grace(clinic: Clinic) -> None:
    clinic.command("plan", "trial", "--until", PAST, "--grace", 36_500)
    assert clinic.warning().startswith("plan;read-only-from=@")
    plan = clinic.ask("GET", "/organization").json()["plan"]
    assert (plan["stage"], plan["until"]) == ("grace", "2026-02-01T00:00:00Z")
    assert clinic.join().status_code == 201


def _read_only(clinic: Clinic) -> None:
    assert "read_only" in clinic.command("plan", "trial", "--until", PAST, "--grace", 0)
    refused = clinic.join()
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "GEN_403_READONLY")
    point = {"measurement": "heart_rate", "fields": {"bpm": 71}}
    batch = {"bucket": f"org_{clinic.id}", "points": [point]}
    assert clinic.ask("POST", "/timeseries/write", batch).json()["error"]["code"] == "GEN_403_READONLY"
    assert clinic.ask("GET", "/users").status_code == 200
    export = clinic.ask("POST", "/users/me/export")
    assert export.status_code == 202
    until(lambda: clinic.ask("GET", export.headers["Location"]).json()["status"] == "done", "the export")
    someone = next(it["id"] for it in clinic.ask("GET", "/users").json()["items"] if it["role"] == "user")
    assert clinic.ask("DELETE", f"/users/{someone}").status_code == 202


def _active_again(clinic: Clinic) -> None:
    assert "plan  standard (running)" in clinic.command("plan", "standard")
    assert clinic.join().status_code == 201
    assert clinic.warning() == ""
    shown = json.loads(clinic.command("show", "--json"))
    assert (shown["mode"], shown["plan"]["name"], shown["plan"]["grace_days"]) == ("active", "standard", 30)
    until(lambda: len(clinic.events("organization.update_mode")) == 2, "the events")
    assert [it["mode_after"] for it in clinic.events("organization.update_mode")] == ["read_only", "active"]

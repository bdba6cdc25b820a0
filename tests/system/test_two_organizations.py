"""The way of a person with two organizations: invited, joined, at work in both, locked in one, left, and deleted."""

from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.running import RunningSystem
from tests.servers import until

PASSWORD, DAY = "a long enough phrase", {"range_start": "2026-03-01T00:00:00Z", "range_stop": "2026-03-02T00:00:00Z"}
CLUB, CLINIC = "The club of Ana", "The clinic of the boss"
pytestmark = pytest.mark.timeout(300)


@dataclass
class Caller:
    """Somebody with the tokens of one session."""

    url: str
    tokens: dict[str, Any]

    def ask(self, method: str, path: str, document: object = None) -> requests.Response:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self.tokens['access_token']}"}
        return requests.request(method, self.url + path, json=document, headers=headers, timeout=60)

    def done(self, method: str, path: str, document: object = None) -> Any:
        """The document of a request that must succeed."""
        answer = self.ask(method, path, document)
        assert answer.ok, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def write(self, bucket: str, user_id: int, bpm: int) -> Any:
        point = {"measurement": "heart_rate", "tags": {"user_id": str(user_id)}, "fields": {"bpm": bpm}}
        points = [{**point, "timestamp": "2026-03-01T12:00:00Z"}]
        return self.done("POST", "/timeseries/write", {"bucket": bucket, "points": points})

    def values(self, bucket: str) -> list[object]:
        asked = {"bucket": bucket, "measurement": "heart_rate", **DAY}
        found = self.done("POST", "/timeseries/query", asked)["series"]
        return [point["fields"]["bpm"] for series in found for point in series["points"]]


def founder(url: str, name: str, organization: str) -> tuple[Caller, dict[str, Any]]:
    """The admin of a new organization, logged in, and the answer to their registration."""
    account = {"email": f"{name}@two.example", "password": PASSWORD}
    made = requests.post(f"{url}/auth/register", json={**account, "organization_name": organization}, timeout=60)
    assert made.status_code == 201, made.text
    return Caller(url, requests.post(f"{url}/auth/login", json=account, timeout=60).json()), made.json()


def joined(url: str, boss: Caller, ana: Caller, email: str, org_id: int) -> tuple[Caller, int]:
    """Ana in the boss's organization, and her number there."""
    code = boss.done("POST", "/auth/invitations", {"email": email, "role": "user"})["code"]
    made = ana.done("POST", "/auth/invitations/accept", {"code": code})
    assert (made["org_id"], made["role"]) == (org_id, "user")
    return Caller(url, ana.done("POST", "/auth/switch", {"org_id": org_id})), made["user_id"]


def told(boss: Caller, *secrets: str) -> list[str]:
    """What of these the boss finds among the members and in the trail."""
    seen = [*boss.done("GET", "/users?limit=500")["items"], *boss.done("GET", "/audit/events?limit=500")["items"]]
    return [str(it) for it in seen for secret in secrets if secret in str(it)]


def works_in_both(boss: Caller, ana: Caller, at_work: Caller, home: dict[str, Any], number: int, org_id: int) -> None:
    """Each session is for one organization, and neither learns of the other."""
    own, other = f"org_{home['org_id']}", f"org_{org_id}"
    at_work.write(other, number, 72)
    assert (ana.values(own), at_work.values(other)) == ([61], [72])
    assert boss.done("GET", f"/users/{number}")["email"] == home["email"]
    mine = at_work.done("GET", "/auth/memberships/mine")["items"]
    assert [(it["organization"], it["current"]) for it in mine] == [(CLUB, False), (CLINIC, True)]
    there, here = f"'user:{number}'", f"'user:{home['user_id']}'"
    for caller, name in ((boss, there), (ana, here)):
        until(lambda caller=caller, name=name: told(caller, name) != [], "Ana's events in both trails")
    assert told(boss, CLUB, here) == []
    assert told(ana, CLINIC, there, "auth.switch", "auth.accept_invitation", "auth.memberships") == []
    for caller, bucket in ((ana, other), (at_work, own)):
        asked = {"bucket": bucket, "measurement": "heart_rate", **DAY}
        assert caller.ask("POST", "/timeseries/query", asked).status_code in (403, 404)
    assert boss.ask("GET", f"/users/{home['user_id']}").status_code == 404


def leaves(system: RunningSystem, boss: Caller, at_work: Caller, number: int) -> None:
    """Ana leaves the clinic: her tokens and keys there end, and what she has there is deleted."""
    url = system.gateway_url
    key = at_work.done("POST", "/auth/api-keys", {"kind": "device", "name": "watch"})["key"]
    job = at_work.done("DELETE", f"/users/{number}")["id"]
    assert at_work.ask("GET", "/users/me").status_code == 401
    assert system.clone.call("user", "GET", "/users/me", token=at_work.tokens["access_token"])[0] == 401
    by_key = {"Authorization": f"Bearer {key}"}
    listing = f"{url}/timeseries/measurements"
    until(lambda: requests.get(listing, headers=by_key, timeout=60).status_code == 401, "the end of the device key")
    refresh = {"refresh_token": at_work.tokens["refresh_token"]}
    assert requests.post(f"{url}/auth/refresh", json=refresh, timeout=60).status_code == 401
    until(lambda: boss.done("GET", f"/users/deletions/{job}")["status"] == "done", "the deletion at work")


def ends_everywhere(system: RunningSystem, boss: Caller, ana: Caller, home: dict[str, Any], org_id: int) -> None:
    """Ana joins once more, under a new number, and deletes herself in both organizations."""
    again, number = joined(ana.url, boss, ana, home["email"], org_id)
    again.write(f"org_{org_id}", number, 80)
    jobs = again.done("DELETE", "/auth/identity")["items"]
    assert {it["org_id"] for it in jobs} == {home["org_id"], org_id}
    assert [caller.ask("GET", "/users/me").status_code for caller in (ana, again)] == [401, 401]

    def status(job_id: str) -> object:
        path = f"{ana.url}/users/deletions/{job_id}"
        return requests.get(path, headers=system.operator, timeout=60).json()["status"]

    until(lambda: all(status(it["job_id"]) == "done" for it in jobs), "the deletions")
    assert boss.values(f"org_{org_id}") == []
    login = {"email": home["email"], "password": PASSWORD}
    assert requests.post(f"{ana.url}/auth/login", json=login, timeout=60).status_code == 401
    assert requests.post(f"{ana.url}/auth/register", json=login, timeout=60).status_code == 201


def test_the_way_of_a_person_with_two_organizations(running_system: RunningSystem) -> None:
    url = running_system.gateway_url
    ana, home = founder(url, "ana", CLUB)
    boss, work = founder(url, "boss", CLINIC)
    own, other, clinic = f"org_{home['org_id']}", f"org_{work['org_id']}", work["org_id"]
    ana.write(own, home["user_id"], 61)
    at_work, number = joined(url, boss, ana, home["email"], clinic)
    assert number != home["user_id"]
    works_in_both(boss, ana, at_work, home, number, clinic)

    # The boss's lock is for the boss's organization.
    boss.done("PATCH", f"/users/{number}", {"active": False})
    assert at_work.ask("GET", "/users/me").status_code == 401
    assert ana.ask("POST", "/auth/switch", {"org_id": clinic}).status_code == 403
    assert ana.values(own) == [61]
    boss.done("PATCH", f"/users/{number}", {"active": True})
    at_work = Caller(url, ana.done("POST", "/auth/switch", {"org_id": clinic}))

    leaves(running_system, boss, at_work, number)
    assert boss.values(other) == []
    assert ana.values(own) == [61]
    ends_everywhere(running_system, boss, ana, home, clinic)

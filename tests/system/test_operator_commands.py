"""The operator's commands against a running system, as a person types them."""

import itertools
import json
import uuid
from typing import Any

import psycopg2
import pytest
import requests

from heartguard_cli.environment import load
from heartguard_cli.programs import System
from heartguard_cli.urls import libpq
from tests.running import RunningSystem

NUMBERS = itertools.count(1)
PASSWORD = "Secret123"


@pytest.fixture
def person(running_system: RunningSystem) -> dict[str, Any]:
    """The admin of a new organization, logged in on a watch."""
    email = f"night.{next(NUMBERS)}@operator.example"
    account = {"email": email, "password": PASSWORD}
    url = running_system.gateway_url
    made = requests.post(f"{url}/auth/register", json={**account, "organization_name": "Night shift"}, timeout=60)
    watch = {"User-Agent": "HeartWatch/2.1"}
    tokens = requests.post(f"{url}/auth/login", json=account, headers=watch, timeout=60).json()
    return {**account, **made.json(), "bearer": {"Authorization": f"Bearer {tokens['access_token']}"}}


def typed(system: RunningSystem, *words: object) -> tuple[int, str, str]:
    done = system.clone.script("heartguard", *map(str, words))
    return done.returncode, done.stdout, done.stderr


def said(system: RunningSystem, *words: object) -> str:
    status, out, err = typed(system, *words)
    assert (status, err) == (0, ""), out + err
    return out


def log_in(system: RunningSystem, person: dict[str, Any], password: str = PASSWORD) -> int:
    document = {"email": person["email"], "password": password}
    return requests.post(f"{system.gateway_url}/auth/login", json=document, timeout=60).status_code


def test_a_person_is_found_locked_and_unlocked(running_system: RunningSystem, person: dict[str, Any]) -> None:
    (found,) = json.loads(said(running_system, "users", "list", "--email", person["email"].upper(), "--json"))
    assert (found["id"], found["org_id"], found["open_sessions"]) == (person["user_id"], person["org_id"], 1)
    sessions = said(running_system, "users", "sessions", person["email"]).splitlines()
    assert [line.endswith("HeartWatch/2.1") for line in sessions] == [False, True]
    assert "open sessions ended: 1" in said(running_system, "users", "lock", person["email"])
    profile = requests.get(f"{running_system.gateway_url}/auth/profile", headers=person["bearer"], timeout=60)
    assert profile.status_code == 401
    assert f"{person['org_id']} Night shift" in said(running_system, "users", "show", person["user_id"])
    assert [log_in(running_system, person, "wrong-password") for _ in range(5)] == [401] * 5
    locked = said(running_system, "users", "show", person["email"])
    assert "state               locked\n" in locked
    assert "(too many failed logins; `users unlock` ends it)" in locked
    said(running_system, "users", "unlock", person["email"])
    assert log_in(running_system, person) == 200
    ended = json.loads(said(running_system, "users", "end-sessions", person["user_id"], "--json"))
    assert ended == {"id": person["user_id"], "email": person["email"], "sessions_ended": 1}
    status, out, err = typed(running_system, "users", "sessions", person["user_id"])
    assert (status, out, err) == (0, "", f"heartguard: {person['email']} has no open session\n")


def test_somebody_is_invited(running_system: RunningSystem, person: dict[str, Any]) -> None:
    address = f"invited.{person['email']}"
    words = ("users", "invite", address, "--organization", person["org_id"], "--role", "manager", "--json")
    invitation = json.loads(said(running_system, *words))
    account = {"email": address, "password": PASSWORD, "invitation": invitation["code"]}
    made = requests.post(f"{running_system.gateway_url}/auth/register", json=account, timeout=60)
    assert (made.status_code, made.json()["role"]) == (201, "manager")


def test_limits_are_shown_with_their_use_and_set(running_system: RunningSystem, person: dict[str, Any]) -> None:
    words = ("organizations", "limits", person["org_id"])
    rows = said(running_system, *words, "--set", "members=4").splitlines()
    (row,) = [line.split() for line in rows if line.startswith("members ")]
    assert row == ["members", "1", "4", "25%", "10,000", "people"]
    assert "people          1 of 4" in said(running_system, "organizations", "show", person["org_id"])
    (members,) = [
        it
        for it in json.loads(said(running_system, *words, "--set", "members=default", "--json"))
        if it["name"] == "members"
    ]
    assert members["value"] == members["default"]
    listed = said(running_system, "organizations", "list", "--search", "NIGHT")
    assert any(line.split()[0] == str(person["org_id"]) for line in listed.splitlines()[1:])


def test_a_refusal_has_code_and_request_id_and_ends_with_1(running_system: RunningSystem) -> None:
    status, out, err = typed(running_system, "organizations", "limits", 1, "--set", "nonsense=1")
    assert (status, out) == (1, "")
    assert "(ORG_005, status 422, request id " in err
    assert typed(running_system, "users", "lock", "nobody@operator.example") == (
        1,
        "",
        "heartguard: nobody has the address nobody@operator.example\n",
    )
    assert typed(running_system, "users", "list", "--role", "boss")[0] == 2
    assert typed(running_system, "organizations", "limits", 1, "--set", "members")[0] == 2


@pytest.fixture
def letter(running_system: RunningSystem) -> str:
    """A dead letter of media, of a queue of an earlier version."""
    layout = running_system.clone.layout
    url = System(layout, load(layout.env_file, {})).owner_url
    made = str(uuid.uuid4())
    with psycopg2.connect(libpq(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.dead_letters (id, service, queue, item, attempts, reason, failed_at,"
            " last_failed_at) VALUES (%s, 'media', 'former', %s, 9, 'IsADirectoryError 21', now(), now())",
            (made, f"org/{made}"),
        )
    return made


def test_dead_letters_of_all_services_are_shown_retried_and_dropped(running_system: RunningSystem, letter: str) -> None:
    (row,) = [it for it in json.loads(said(running_system, "dead-letters", "list", "--json")) if it["id"] == letter]
    assert (row["service"], row["reason"]) == ("media", "IsADirectoryError 21")
    assert "IsADirectoryError 21" in said(running_system, "dead-letters", "show", letter)
    status, _, err = typed(running_system, "dead-letters", "drop", letter)
    assert (status, "--yes" in err) == (2, True)
    assert f"removed former of media: org/{letter}" in said(running_system, "dead-letters", "drop", letter, "--yes")
    status, _, err = typed(running_system, "dead-letters", "retry", letter)
    assert (status, "GEN_404" in err) == (1, True)
    assert typed(running_system, "jobs", "list", "--stuck") == (0, "", "heartguard: no job is like that\n")

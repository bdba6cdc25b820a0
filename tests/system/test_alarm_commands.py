"""`heartguard alarms` against a running system, as a person types it."""

import itertools
import json
import time
from pathlib import Path

import pytest

from heartguard_client import Client, Password, Point
from tests.running import RunningSystem
from tests.servers import until

NUMBERS = itertools.count(1)
PASSWORD = "a long password 1"


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    return tmp_path / "password"


def test_alarms_are_listed_and_acknowledged_by_who_logs_in(running_system: RunningSystem, password_file: Path) -> None:
    email = f"alarms{next(NUMBERS)}@operator.example"
    with Client(running_system.gateway_url) as client:
        made = client.register(email, PASSWORD, organization_name=email)
    with Client(running_system.gateway_url, Password(email, PASSWORD)) as client:
        rule = {"name": "High", "measurement": "heart_rate", "field": "bpm", "condition": "above", "threshold": 120}
        client.alarms.make_rule({**rule, "for_seconds": 0, "enabled": True})  # type: ignore[typeddict-item]
        tags = {"user_id": str(made["user_id"])}
        assert client.write(f"org_{made['org_id']}", [Point("heart_rate", time.time_ns(), {"bpm": 150}, tags)]) == []
        until(lambda: list(client.alarms.list()) != [], "the alarm")
    login = ("--email", email, "--password-file", str(password_file))

    def said(*words: str) -> str:
        done = running_system.clone.script("heartguard", "alarms", *words)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return str(done.stdout)

    (alarm,) = json.loads(said("list", *login, "--json"))
    assert f"{alarm['id']}  warning   {made['user_id']}" in said("list", *login, "--active")
    assert f"acknowledged by  user:{made['user_id']}" in said("acknowledge", alarm["id"], *login, "--note", "I call.")
    assert [it["id"] for it in json.loads(said("list", *login, "--all", "--json"))] == [alarm["id"]]
    none = running_system.clone.script("heartguard", "alarms", "list", *login)
    assert (none.returncode, none.stdout, none.stderr) == (0, "", "heartguard: there is no such alarm\n")
    with Client(running_system.gateway_url, Password(email, PASSWORD)) as client:
        sessions = client.json("GET", "auth/sessions")["items"]
        assert len(sessions) <= 2, "each command ends its session"
    unknown = running_system.clone.script("heartguard", "alarms", "acknowledge", "nothing", *login)
    assert unknown.returncode == 1
    assert "404" in unknown.stderr
    wrong = running_system.clone.script(
        "heartguard", "alarms", "list", "--email", "nobody@operator.example", *login[2:]
    )
    assert (wrong.returncode, "AUTH_" in wrong.stderr) == (1, True)

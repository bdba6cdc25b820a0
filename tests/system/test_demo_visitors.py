"""The demo on a running system, as its operator makes it and as a visitor sees it."""

import json
from typing import Any

import pytest
import requests

from tests.running import RunningSystem


@pytest.fixture
def demo(running_system: RunningSystem) -> Any:
    """What the operator's program knows of a demo that it made, and that is deleted at the end."""
    made = running_system.clone.script("heartguard", "demo", "reset")
    assert (made.returncode, made.stderr) == (0, ""), made.stdout + made.stderr
    yield json.loads((running_system.clone.layout.var / "demo.json").read_text())["current"]
    ended = running_system.clone.script("heartguard", "demo", "end")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads((running_system.clone.layout.var / "demo.json").read_text()) == {"current": None, "ending": []}


def test_a_visitor_sees_a_real_recording_and_changes_nothing(running_system: RunningSystem, demo: Any) -> None:
    def ask(method: str, path: str, document: Any = None, **headers: str) -> requests.Response:
        url = running_system.gateway_url + path
        return requests.request(method, url, json=document, headers=headers, timeout=60)

    token = ask("POST", "/auth/demo").json()["access_token"]
    visitor = {"Authorization": f"Bearer {token}"}
    bucket = f"org_{demo['org_id']}"
    latest = ask("POST", "/timeseries/latest", {"bucket": bucket, "measurement": "heart_rate"}, **visitor)
    assert latest.status_code == 200, latest.text
    assert {it["tags"]["user_id"] for it in latest.json()["items"]} == {str(it) for it in demo["people"]}
    names = {it["full_name"] for it in ask("GET", "/users", **visitor).json()["items"]}
    assert {"Visitor", "Ana Torres", "Ben Okafor", "Chiara Ricci"} <= names
    point = {"measurement": "heart_rate", "fields": {"bpm": 71}}
    for method, path, document in (
        ("POST", "/timeseries/write", {"bucket": bucket, "points": [point]}),
        ("POST", "/timeseries/delete", {"bucket": bucket}),
        ("POST", "/media/uploads", {"file_name": "note.txt", "content_type": "text/plain", "size": 2}),
        ("PUT", "/users/me", {"full_name": "Me"}),
        ("DELETE", f"/users/{demo['people'][0]}", None),
    ):
        refused = ask(method, path, document, **visitor)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "GEN_403_READONLY"), path

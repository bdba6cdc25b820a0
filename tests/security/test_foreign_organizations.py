"""Ids of another organization where `tests/protection` does not put them: in filters, cursors, keys and codes.

(Paths and bodies of every route stand in `tests/protection/matrix.csv`, with what each role gets.)
"""

import base64
import itertools
import json
import time
from collections.abc import Iterable
from typing import Any

import pytest
import requests

from tests.protection.callers import World

_numbers = itertools.count(time.time_ns() % 10**9)
TICKET = {"file_name": "note.txt", "content_type": "text/plain", "size": 2}
LISTS = ("/users", "/media/items", "/timeseries/buckets", "/audit/events", "/auth/invitations", "/users/me/access-log")


@pytest.fixture(scope="module")
def full(world: World) -> World:
    """Both organizations hold something of each kind, the other one more than a page of two."""
    for founder in world.founders.values():
        for _ in range(3):
            world.upload(founder)
            world.call("POST", "/auth/invitations", founder, json={"email": world.email(), "role": "user"})
            world.call(
                "POST", "/timeseries/buckets", founder, json={"bucket": f"org_{founder.org_id}_b{world.number()}"}
            )
            world.call(
                "POST", "/auth/register", founder, json={"email": world.email(), "password": "a long enough phrase"}
            )
        world.event(founder)
    return world


def listed(world: World, path: str, **query: Any) -> list[dict[str, Any]]:
    """What the own admin sees in a list."""
    return list(world.call("GET", path, world.founders["own"], params=query)["items"])


def test_filters_do_not_reach_other_organizations(full: World) -> None:
    other = full.founders["other"]
    item = full.call("GET", "/media/items", other)["items"][0]
    event = full.call("GET", "/audit/events", other)["items"][0]
    assert listed(full, "/media/items", owner_id=other.user_id) == []
    assert listed(full, "/audit/events", actor=f"user:{other.user_id}") == []
    assert listed(full, "/audit/events", resource=f"media:{item['id']}") == []
    assert listed(full, "/audit/events", resource=f"organization:{other.org_id}") == []
    assert listed(full, "/users", q=other.email) == []
    for path in LISTS:
        for name in ("org_id", "organization_id", "org", "tenant"):
            url = full.urls["gateway"] + path
            answer = requests.get(url, params={name: other.org_id}, headers=full.founders["own"].bearer, timeout=60)
            assert answer.status_code == 422, (path, name)
    assert full.call("GET", f"/audit/events/{event['id']}", other)["id"] == event["id"]


@pytest.mark.parametrize("path", LISTS[:5])
def test_a_cursor_of_another_organization_shows_only_own_items(full: World, path: str) -> None:
    own, other = full.founders["own"], full.founders["other"]
    page = full.call("GET", path, other, params={"limit": 2})
    assert page["next_cursor"]
    another = full.regulars["admin"]  # who has to be there before the list is read
    mine = named(listed(full, path, limit=500))
    for who in (own, another):
        url = full.urls["gateway"] + path
        answer = requests.get(url, params={"cursor": page["next_cursor"]}, headers=who.bearer, timeout=60)
        assert answer.status_code in (200, 422)
        shown = named(answer.json().get("items", ()))
        # what a look adds to the trail is one's own too
        assert path == "/audit/events" or shown <= mine
        assert not shown & named(page["items"])


def named(items: Iterable[dict[str, Any]]) -> set[str]:
    return {str(item.get("id", item.get("bucket"))) for item in items}


FORGED = [
    ["x"], [1], [-1], [0], [10**10], [10**40], [1.5], [None], [True], [[]], [{}], [], {}, "x", 1, ["\x00"], ["\ud800"],
    ["a" * 3000],
    [1, 1], ["x", "x"], ["2020-01-01T00:00:00Z", "x"], ["2020-01-01T00:00:00Z", "01890000-0000-7000-8000-000000000000"],
    [10**40, "01890000-0000-7000-8000-000000000000"], ["' OR 1=1 --"], ["01890000-0000-7000-8000-000000000000"],
    [1, "01890000-0000-7000-8000-000000000000"], ["9999-99-99T99:99:99Z", "01890000-0000-7000-8000-000000000000"],
]  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
def test_a_forged_cursor_is_refused_or_shows_only_own_items(full: World, path: str) -> None:
    own = full.founders["own"]
    texts = [base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=") for position in FORGED]
    texts += ["", "=", "AA", "!!", "\u00e9", base64.urlsafe_b64encode(b"[" * 3000).decode(), "_w"]
    mine = named(listed(full, path, limit=500))
    for text in texts:
        answer = requests.get(full.urls["gateway"] + path, params={"cursor": text}, headers=own.bearer, timeout=60)
        assert answer.status_code in (200, 422), (text, answer.text)
        if path not in ("/audit/events", "/users/me/access-log"):
            assert named(answer.json().get("items", ())) <= mine


def test_an_idempotency_key_belongs_to_its_caller(full: World) -> None:
    """The same key in another's hand starts anew, and answers nothing of the first one's."""
    key = {"Idempotency-Key": f"key-{next(_numbers)}"}
    url = full.urls["gateway"] + "/media/uploads"
    answers = [
        requests.post(url, json=TICKET, headers={**who.bearer, **key}, timeout=60)
        for who in (*full.founders.values(), full.regulars["user"])
    ]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.json()["id"] for answer in answers}) == 3


def test_codes_and_tickets_work_only_in_their_organization(full: World) -> None:
    own, other = full.founders["own"], full.founders["other"]
    ticket = full.call("POST", "/media/uploads", other, json=TICKET)
    url = f"{full.urls['gateway']}/media/uploads/{ticket['id']}/complete"
    assert requests.post(url, headers=own.bearer, timeout=60).status_code == 404
    invited = full.call("POST", "/auth/invitations", other, json={"email": full.email(), "role": "admin"})
    account = {"email": full.email(), "password": "a long enough phrase", "invitation": invited["code"]}
    register = full.urls["gateway"] + "/auth/register"
    assert requests.post(register, json=account, timeout=60).status_code in (403, 422)
    assert requests.post(register, json=account, headers=own.bearer, timeout=60).status_code in (403, 422)


def test_tags_of_a_point_do_not_choose_its_organization(full: World) -> None:
    """`org` and tags name no organization but the caller's; a point of another one is not to be had by its tags."""
    own, other = full.founders["own"], full.founders["other"]
    point = {"measurement": "heart_rate", "fields": {"bpm": 71}, "tags": {"org_id": str(other.org_id), "org": "x"}}
    url = full.urls["gateway"] + "/timeseries/"
    for more in ({"org": other.org_id}, {"org": f"org_{other.org_id}"}, {"org": str(other.org_id)}):
        body = {"bucket": f"org_{own.org_id}", "points": [point], **more}
        answer = requests.post(url + "write", json=body, headers=own.bearer, timeout=60)
        assert answer.status_code in (403, 404, 422), answer.text
    for bucket in (f"org_{other.org_id}", f"org_{other.org_id}_x", f"ORG_{other.org_id}", f"org_0{other.org_id}"):
        for path, body in (
            ("write", {"bucket": bucket, "points": [point]}),
            ("latest", {"bucket": bucket}),
            ("summary", {"bucket": bucket, "day": "2026-03-01"}),
        ):
            answer = requests.post(url + path, json=body, headers=own.bearer, timeout=60)
            assert answer.status_code == 404, (path, bucket, answer.text)
        headers = {**own.bearer, "Content-Type": "text/plain"}
        lines = requests.post(f"{url}write?bucket={bucket}", data=b"heart_rate bpm=1", headers=headers, timeout=60)
        assert lines.status_code == 404
    assert full.call("POST", "/timeseries/latest", other, json={"bucket": f"org_{other.org_id}"})["items"] == []

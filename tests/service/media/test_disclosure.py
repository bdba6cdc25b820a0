"""Whoever sees somebody else's file leaves an event that names whose it was; who sees their own leaves none."""

import json

import pytest
import redis

from heartguard_common.audit.events import FIELD, STREAM
from tests.service.media.conftest import put


@pytest.fixture
def disclosures(redis_url):
    """A function that gives actor, action, resource and payload of what was recorded as disclosed."""

    def found():
        with redis.Redis.from_url(redis_url, decode_responses=True) as client:
            events = [json.loads(entry[FIELD]) for _, entry in client.xrange(STREAM)]
        return [
            (it["kind"], it["actor"], it["action"], it["resource"], it["payload"])
            for it in events
            if it["action"].endswith(".disclosed")
        ]

    return found


def test_reading_a_file_of_another_person_is_recorded_for_its_owner(client, people, disclosures):
    item = put(client, people.user).json["id"]
    for path in (f"/media/items/{item}", f"/media/items/{item}/download"):
        assert client.get(path, headers=people.manager).status_code == 200
        assert client.get(path, headers=people.user).status_code == 200
        assert client.get(path, headers=people.stranger).status_code == 404
    reader, owner = f"user:{people.ids['manager']}", f"user:{people.ids['user']}"
    assert disclosures() == [
        ("change", reader, "media.read.disclosed", owner, {"media": item}),
        ("change", reader, "media.download.disclosed", owner, {"media": item}),
    ]

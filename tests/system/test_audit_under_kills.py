"""Audit service, consumer, Valkey and PostgreSQL are killed in turn under a writing load, and no event is missing.

HEARTGUARD_KILL_SECONDS is how long it goes on: a few seconds by default, 60 for the long form.
"""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from tests.clone import Clone
from tests.servers import until
from tests.system.writer import Member, Writer

SECONDS = float(os.environ.get("HEARTGUARD_KILL_SECONDS", "8"))
WRITERS = 3
KILLED = ("audit", "consumer", "valkey", "postgres")
FOUNDER = {"email": "killer@heartguard.example", "password": "Correct-horse-9"}
pytestmark = pytest.mark.timeout(240 + 3 * SECONDS)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    copy = Clone.make(tmp_path_factory.mktemp("killed"))
    try:
        started = copy.start()
        assert started.returncode == 0, started.stdout + started.stderr
        yield copy
    finally:
        copy.stop()


@pytest.fixture
def member(clone: Clone) -> Member:
    status, document = clone.call("gateway", "POST", "/auth/register", FOUNDER)
    assert status == 201, document
    _, tokens = clone.call("gateway", "POST", "/auth/login", FOUNDER)
    return Member(f"http://127.0.0.1:{clone.ports['gateway']}", str(tokens["access_token"]), int(document["org_id"]))


def access_events(member: Member) -> Counter[str]:
    """How often each access event of a write is in the trail, read in one stream."""
    query = {"kind": "access", "action": "timeseries.write"}
    headers = {**member.headers, "Accept": "application/x-ndjson"}
    answer = requests.get(f"{member.url}/audit/events", params=query, headers=headers, timeout=60)
    if answer.status_code != 200:
        return Counter()
    ids: list[str] = [json.loads(line)["id"] for line in answer.iter_lines()]
    return Counter(ids)


def test_every_acknowledged_write_has_exactly_one_access_event(clone: Clone, member: Member) -> None:
    writers = [Writer(member) for _ in range(WRITERS)]
    with ExitStack() as stack:
        for writer in writers:
            stack.enter_context(writer)
        began = time.monotonic()
        for name in KILLED:
            before = clone.pid(name)
            os.kill(before, signal.SIGKILL)
            until(lambda name=name, before=before: clone.replaced(name, before), f"return of {name}")
            time.sleep(max(0.0, began + (KILLED.index(name) + 1) * SECONDS / len(KILLED) - time.monotonic()))
        until(clone.all_ready, "readiness after all were killed")
        for writer in writers:
            writer.wait_for(5)
    acknowledged = Counter(event for writer in writers for event in writer.events)
    until(lambda: acknowledged <= access_events(member), "the backlog in the trail", 30)
    found = access_events(member)
    assert {event: found[event] for event in acknowledged} == dict(acknowledged)
    assert max(found.values()) == 1
    verified = requests.get(f"{member.url}/audit/verify", headers=member.headers, timeout=60).json()
    assert verified["valid"], verified
    assert verified["checked"] >= len(acknowledged)
    command = clone.script("heartguard", "audit", "verify")
    assert command.returncode == 0, command.stdout + command.stderr

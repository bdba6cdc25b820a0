"""Audit service, consumer, Valkey and PostgreSQL are killed in turn under a writing load, and no event is missing."""

from collections import Counter
from contextlib import ExitStack

import pytest
import requests

from tests.clone import Clone
from tests.servers import until
from tests.system.killing import SECONDS, clone, first, kill_in_turn, member
from tests.system.trail import access_events
from tests.system.writer import Member, Writer

__all__ = ["clone", "member"]

WRITERS = 3
KILLED = ("audit", "consumer", "valkey", "postgres")
pytestmark = pytest.mark.timeout(900 + 3 * SECONDS)


def test_every_acknowledged_write_has_exactly_one_access_event(clone: Clone, member: Member) -> None:
    writers = [Writer(member) for _ in range(WRITERS)]
    with ExitStack() as stack:
        for writer in writers:
            stack.enter_context(writer)
        kill_in_turn(clone, [(name, first) for name in KILLED], SECONDS)
        for writer in writers:
            writer.wait_for(5)
    acknowledged = Counter(event for writer in writers for event in writer.events)
    until(lambda: acknowledged <= access_events(member), "the backlog in the trail")
    found = access_events(member)
    assert {event: found[event] for event in acknowledged} == dict(acknowledged)
    assert max(found.values()) == 1
    verified = requests.get(f"{member.url}/audit/verify", headers=member.headers, timeout=60).json()
    assert verified["valid"], verified
    assert verified["checked"] >= len(acknowledged)
    command = clone.script("heartguard", "audit", "verify")
    assert command.returncode == 0, command.stdout + command.stderr

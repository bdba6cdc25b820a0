"""Influx, alarm, Valkey and PostgreSQL are killed and stopped while points are written: no alarm is missing or wrong.

The episodes are those of the reference over what is stored, and the evaluation has caught up within 30 s.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import pytest

from tests.clone import Clone
from tests.servers import until
from tests.system.alarm_load import (
    HeartRates,
    add_person,
    expected,
    found_episodes,
    make_rules,
    one_beginning_each,
    rows,
)
from tests.system.killing import SECONDS, clone, first, kill_in_turn, member, stop_in_turn, whole
from tests.system.writer import Member

__all__ = ["clone", "member"]

KILLS = (("alarm", whole), ("postgres", first), ("influx", whole), ("valkey", first))
STOPPED = ("alarm", "influx", "postgres", "valkey")
PEOPLE = 3
CATCH_UP_SECONDS = 30
ROUND_SECONDS = 20
CHECKS: Sequence[Callable[[Clone], None]] = (one_beginning_each,)
"""What else must hold of the database afterwards."""
pytestmark = pytest.mark.timeout(900 + 4 * SECONDS)


def test_the_episodes_are_those_of_what_is_stored(clone: Clone, member: Member) -> None:
    rule_ids = make_rules(clone, member)
    people = [add_person(clone, member, number) for number in range(PEOPLE)]
    rounds = max(1, int(SECONDS // ROUND_SECONDS))
    with ExitStack() as stack:
        writers = [stack.enter_context(HeartRates(member, person, seed)) for seed, person in enumerate(people)]
        for _ in range(rounds):
            kill_in_turn(clone, KILLS, SECONDS / rounds)
            stop_in_turn(clone, STOPPED)
    began = time.monotonic()
    until(lambda: rows(clone, "SELECT count(*) FROM $changed_ranges") == [(0,)], "the evaluation", CATCH_UP_SECONDS)
    caught_up = time.monotonic() - began
    wanted = {person: expected(member, person) for person in people}
    assert {person: found_episodes(clone, person, rule_ids) for person in people} == wanted
    for check in CHECKS:
        check(clone)
    counts = [sum(len(it) for it in theirs) for theirs in wanted.values()]
    assert all(counts)
    print(f"{rounds * len(KILLS)} kills, {sum(it.sent for it in writers)} batches,", end=" ")
    print(
        f"{sum(it.unanswered for it in writers)} without an answer, episodes {counts}, caught up in {caught_up:.1f} s"
    )

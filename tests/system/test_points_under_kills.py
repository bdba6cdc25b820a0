"""The time-series service and its PostgreSQL are killed in the middle of writing: no acknowledged point is missing.

Two kinds of clients: batches with timestamps, which may simply be sent again, and points without one, which the
service dates itself, so that only their Idempotency-Key keeps a second sending from storing them twice.
"""

from collections import Counter
from contextlib import ExitStack

import pytest

from tests.clone import Clone
from tests.system.killing import SECONDS, clone, first, kill_in_turn, member, whole
from tests.system.trail import rows
from tests.system.writer import KeyedWriter, Member, Writer, heart_rate

__all__ = ["clone", "member"]

BATCH = 500
KILLS = (("influx", whole), ("postgres", first), ("influx", first), ("postgres", whole))
ROUND_SECONDS = 20
EVER, AFTER = "1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
pytestmark = pytest.mark.timeout(900 + 4 * SECONDS)


def test_acknowledged_points_are_stored_once_and_the_rest_can_be_sent_again(clone: Clone, member: Member) -> None:
    writers, keyed = [Writer(member, BATCH) for _ in range(2)], KeyedWriter(member)
    kills = KILLS * max(1, int(SECONDS // ROUND_SECONDS))
    with ExitStack() as stack:
        for writer in (*writers, keyed):
            stack.enter_context(writer)
        kill_in_turn(clone, kills, SECONDS)
        for writer in writers:
            writer.wait_for(BATCH)
    acknowledged = set.union(*(writer.points for writer in writers))
    unacknowledged = [batch for writer in writers for batch in writer.unacknowledged]
    assert unacknowledged, "no kill met a write"
    found = Counter(point["time"] for point in member.points(EVER, AFTER))
    assert acknowledged <= set(found)
    for batch in unacknowledged:
        answer = member.write_again([heart_rate(moment) for moment in batch])
        statuses = {result["status"] for result in answer.json()["results"]}
        # Whole or not at all, and what the re-sending says is what the query said before.
        assert statuses == ({"duplicate"} if batch[0] in found else {"created"}), answer.text
    everything = acknowledged.union(*unacknowledged)
    after = Counter(point["time"] for point in member.points(EVER, AFTER))
    assert after == Counter(everything)
    counted = Counter(point["fields"]["count"] for point in member.points(EVER, AFTER, measurement="steps"))
    assert counted == Counter(keyed.acknowledged)
    held = rows(clone)
    assert set(held.values()) == {1}
    assert Counter(measurement for measurement, _ in held) == {
        "heart_rate": len(everything),
        "steps": len(keyed.acknowledged),
    }
    print(
        f"{len(kills)} kills, {len(acknowledged)} points acknowledged, {len(unacknowledged)} batches sent again,",
        end=" ",
    )
    print(f"{len(keyed.acknowledged)} keyed points, {keyed.sent_again} of them more than once")

"""The register of failed items, on a real PostgreSQL."""

from collections.abc import Iterator

import pytest

from heartguard_common.core.retry import RetryPolicy
from heartguard_common.jobs.dead_letter_store import KEPT_DAYS, PostgresDeadLetters
from heartguard_common.jobs.dead_letters import FailedItem, FailureCounts
from heartguard_common.jobs.items import ItemRunner
from heartguard_common.stores.database import Database as Pool
from tests.clocks import NANOSECONDS, MovableClock
from tests.servers import Database

RETRY = RetryPolicy(max_attempts=5, first_delay=10, longest_delay=30)
FAILED = FailedItem("removals", "a key", "OSError 21", org_id=3)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def pool(database: Database) -> Iterator[Pool]:
    pool = Pool(database.url_for("media"))
    yield pool
    pool.close()


@pytest.fixture
def store(pool: Pool, clock: MovableClock) -> PostgresDeadLetters:
    return PostgresDeadLetters("media", pool, clock)


def test_an_item_waits_longer_after_each_failure_and_is_given_up(
    store: PostgresDeadLetters, clock: MovableClock
) -> None:
    rests = []
    for _ in range(RETRY.max_attempts):
        letter = store.failed(FAILED, RETRY)
        rests.append(None if letter.due_ns is None else (letter.due_ns - letter.last_failed_ns) / NANOSECONDS)
        assert store.resting("removals", ["a key", "another"]) == {"a key"}
        clock.forward(30)
    assert rests == [10, 20, 30, 30, None]
    assert (letter.attempts, letter.dead, letter.org_id, letter.reason) == (5, True, 3, "OSError 21")
    assert letter.last_failed_ns - letter.failed_ns == 120 * NANOSECONDS
    clock.forward(1e6)
    assert store.resting("removals", ["a key"]) == {"a key"}
    assert store.counts(["removals", "orphans"]) == {
        "removals": FailureCounts(dead=1),
        "orphans": FailureCounts(),
    }
    store.remove(letter.id)
    assert store.resting("removals", ["a key"]) == set()
    assert store.failed(FAILED, RETRY).attempts == 1


def test_a_permanent_failure_is_given_up_at_once(store: PostgresDeadLetters) -> None:
    assert store.failed(FailedItem("removals", "x", "why", permanent=True), RETRY).dead


def test_an_item_that_raises_any_exception_delays_no_other(store: PostgresDeadLetters) -> None:
    calls: list[str] = []

    def fails() -> None:
        calls.append("bad")
        raise LookupError("quotes what somebody wrote")

    runner = ItemRunner(store, "removals", RETRY)
    items = {"bad": fails, "good": lambda: calls.append("good")}
    assert (runner.each(items, {"bad": 3}), runner.each(items)) == (1, 1)
    assert calls == ["bad", "good", "good"]
    (letter,) = store.page(None, "retrying", None, 10)
    assert (letter.item, letter.reason, letter.org_id) == ("bad", "LookupError", 3)
    store.remove(letter.id)
    items["bad"] = lambda: calls.append("mended")
    assert runner.each(items) == 2
    assert store.page(None, None, None, 10) == []


def test_services_see_only_their_own_dead_letters(store: PostgresDeadLetters, pool: Pool, clock: MovableClock) -> None:
    letter = store.failed(FAILED, RETRY)
    other = PostgresDeadLetters("influx", pool, clock)
    other.remove(letter.id)
    other.succeeded("removals", ["a key"])
    assert (other.find(letter.id), other.page(None, None, None, 10)) == (None, [])
    assert store.find(letter.id) == letter


def test_old_dead_letters_are_purged_unless_they_are_the_only_copy(
    store: PostgresDeadLetters, clock: MovableClock
) -> None:
    store.failed(FAILED, RETRY)
    store.failed(FailedItem("events", "1-0", "why", permanent=True, content="{}"), RETRY)
    clock.forward(KEPT_DAYS * 86_400 - 1)
    store.purge()
    assert len(store.page(None, None, None, 10)) == 2
    clock.forward(2)
    store.purge()
    (kept,) = store.page(None, None, None, 10)
    assert (kept.queue, kept.content) == ("events", "{}")

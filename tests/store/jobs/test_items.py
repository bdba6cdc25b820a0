"""The life of an item: an attempt, and then it is done, tried again later, or a dead letter."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from heartguard_common.core.retry import AttemptError, RetryPolicy
from heartguard_common.jobs.dead_letter_store import PostgresDeadLetters
from heartguard_common.jobs.items import ItemRunner
from heartguard_common.stores.database import Database as Pool
from heartguard_common.stores.database import text
from tests.clocks import NANOSECONDS, MovableClock
from tests.servers import Database

RETRY = RetryPolicy(max_attempts=3, first_delay=10, longest_delay=15)


class ServerUnavailableError(Exception):
    """No item's fault."""


@pytest.fixture
def pool(database: Database) -> Iterator[Pool]:
    pool = Pool(database.url_for("auth"))
    yield pool
    pool.close()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def runner(pool: Pool, clock: MovableClock) -> ItemRunner:
    return ItemRunner(PostgresDeadLetters("auth", pool, clock), "mail", RETRY, outages=(ServerUnavailableError,))


def failing(error: Exception) -> None:
    raise error


def test_an_item_is_retried_as_often_as_its_policy_says_and_then_dead(runner: ItemRunner, clock: MovableClock) -> None:
    due: list[int | None] = []
    for _ in range(3):
        assert not runner.attempt("a", lambda: failing(OSError(13, "x")), 3, postpone=due.append)
        clock.forward(20)
    end = clock.now_ns()
    assert due == [end - 50 * NANOSECONDS, end - 25 * NANOSECONDS, None]
    (dead,) = runner.dead_letters.page("mail", "dead", None, 10)
    assert (dead.item, dead.attempts, dead.reason, dead.org_id) == ("a", 3, "PermissionError 13", 3)
    assert runner.attempt("a", lambda: runner.succeeded("a"))
    assert runner.dead_letters.page("mail", None, None, 10) == []


def test_what_would_fail_again_is_dead_at_once(runner: ItemRunner) -> None:
    runner.attempt("a", lambda: failing(AttemptError("SMTP 550", permanent=True)))
    (dead,) = runner.dead_letters.page("mail", "dead", None, 10)
    assert (dead.attempts, dead.reason) == (1, "SMTP 550")


def test_an_outage_is_raised_and_counts_against_nobody(runner: ItemRunner) -> None:
    with pytest.raises(ServerUnavailableError):
        runner.each({"a": lambda: failing(ServerUnavailableError()), "b": lambda: None})
    assert runner.dead_letters.page("mail", None, None, 10) == []


def test_a_failure_is_recorded_with_what_its_queue_stores_of_it_or_not_at_all(runner: ItemRunner) -> None:
    def postpone(_: int | None) -> None:
        raise LookupError("the row is gone")

    with suppress(LookupError):
        runner.attempt("a", lambda: failing(ValueError()), postpone=postpone)
    assert runner.dead_letters.page("mail", None, None, 10) == []


def test_two_that_fail_at_the_same_time_are_both_counted(runner: ItemRunner, pool: Pool, clock: MovableClock) -> None:
    """The second one waits for the row, and its delay is that of the second attempt."""
    runner.failed("a", ValueError())
    with pool.transaction() as connection:
        runner.failed("a", ValueError())
        attempts, due = connection.execute(text("SELECT attempts, due_at FROM heartguard_core.dead_letters")).one()
    assert (attempts, round(due.timestamp() * NANOSECONDS / 1000)) == (2, (clock.now_ns() + 15 * NANOSECONDS) // 1000)

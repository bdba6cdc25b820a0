"""Background tasks: how they go on after failures, what is known of them, and what is counted."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from heartguard_common.core.background import BackgroundTask, BackgroundTasks, FailureHandling
from heartguard_common.core.errors import UNAVAILABLE, ServiceError
from heartguard_common.core.metrics import Metrics
from heartguard_common.core.retry import AttemptError, RetryPolicy, reason_of
from tests.clocks import NANOSECONDS, MovableClock
from tests.servers import until

# From docs/decisions/jobs-and-mail.md: the first delay, doubled up to the longest.
DELAYS = {
    "a thread": (RetryPolicy(None, 1, 60), [1, 2, 4, 8, 16, 32, 60, 60]),
    "the mail server": (RetryPolicy(None, 5, 300), [5, 10, 20, 40, 80, 160, 300, 300]),
    "an e-mail": (RetryPolicy(10, 30, 3600), [30, 60, 120, 240, 480, 960, 1920, 3600]),
    "the consumer": (RetryPolicy(None, 0.1, 2), [0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2]),
    "at once": (RetryPolicy(20, 0, 0), [0, 0]),
    "steady": (RetryPolicy(None, 60, 60), [60, 60]),
}


def test_a_delay_doubles_up_to_the_longest(subtests: pytest.Subtests) -> None:
    for name, (policy, delays) in DELAYS.items():
        with subtests.test(name):
            assert [policy.delay(attempt) for attempt in range(1, len(delays) + 1)] == pytest.approx(delays)
            assert policy.delay(10_000) == policy.longest_delay
            last = policy.max_attempts
            assert [policy.exhausted(attempt) for attempt in (9, 10, 20)] == [
                last is not None and attempt >= last for attempt in (9, 10, 20)
            ]


def test_an_error_is_named_without_what_somebody_wrote() -> None:
    named = {
        "SMTP 550": AttemptError("SMTP 550", permanent=True),
        "GEN_503": ServiceError(UNAVAILABLE),
        "ValueError": ValueError("ana@hg.io"),
        "IsADirectoryError 21": IsADirectoryError(21, "/secret"),
    }
    assert [reason_of(error) for error in named.values()] == list(named)


def test_it_goes_on_after_it_raised_and_ends_when_closed(caplog: pytest.LogCaptureFixture) -> None:
    runs: list[int] = []
    three = threading.Event()

    def work() -> float:
        runs.append(1)
        if len(runs) == 1:
            raise OSError("away")
        if len(runs) == 3:
            three.set()
            return 3600.0
        return 0.0

    task = BackgroundTask("sample", work)
    with pytest.raises(RuntimeError):
        task.ping()
    task.start()
    task.wake()
    assert three.wait(10)
    task.ping()
    assert "sample failed" in caplog.text
    task.close()  # a wait of an hour is cut short
    with pytest.raises(RuntimeError):
        task.ping()
    assert len(runs) == 3
    assert task.status().ended == 1


def test_waking_begins_the_next_run() -> None:
    runs = threading.Semaphore(0)

    def work() -> float:
        runs.release()
        return 3600.0

    task = BackgroundTask("sample", work).start()
    assert runs.acquire(timeout=10)
    task.wake()
    assert runs.acquire(timeout=10)
    task.close()


def test_an_outage_is_logged_when_it_begins_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Callable[[], float]] = [_away, _away, _away, lambda: 3600.0]
    clock, handling = MovableClock(), FailureHandling(outages={ConnectionError: RetryPolicy(None, 0.001, 0.001)})
    with caplog.at_level(logging.WARNING, "heartguard"):
        task = BackgroundTask("sample", _one_after_the_other(answers), failures=handling, clock=clock).start()
        until(lambda: task.status().last_success_ns is not None and task.status().running == 0, "the end of the outage")
        task.close()
    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [
        ("sample waits, at first 0.001 s: no answer", None),
        ("sample works again", None),
    ]


def _away() -> float:
    raise ConnectionError("no answer")


def _one_after_the_other(answers: list[Callable[[], float]]) -> Callable[[], float]:
    def work() -> float:
        return answers.pop(0)()

    return work


def test_what_is_known_of_a_task() -> None:
    clock, going, entered = MovableClock(), threading.Event(), threading.Semaphore(0)
    answers: list[Exception | None] = [ServiceError(UNAVAILABLE), None]
    began = clock.now_ns()

    def work() -> float:
        entered.release()
        assert going.wait(20)
        going.clear()
        if error := answers.pop(0):
            raise error
        return 3600.0

    tasks = BackgroundTasks("auth", lambda _: None, clock)
    task = tasks.add("mail", work, kind="queue")
    (fresh,) = tasks.statuses()
    assert (fresh.name, fresh.kind, fresh.threads, fresh.running, fresh.ended) == ("mail", "queue", 1, 0, 0)
    task.start()
    assert entered.acquire(timeout=20)
    clock.forward(5)
    running = task.status()
    assert running == replace(fresh, running=1, running_since_ns=began)
    going.set()
    until(lambda: task.status().next_run_ns is not None, "the failure")
    at = clock.now_ns()
    failed = replace(fresh, failures=1, last_failure_ns=at, last_error="GEN_503", next_run_ns=at + NANOSECONDS)
    assert task.status() == failed
    task.wake()
    assert entered.acquire(timeout=20)
    going.set()
    until(lambda: task.status().next_run_ns is not None, "the success")
    assert task.status() == replace(failed, failures=0, last_success_ns=at, next_run_ns=at + 3600 * NANOSECONDS)
    task.close()


def test_threads_of_one_task_run_beside_each_other() -> None:
    going = threading.Event()

    def work() -> float:
        assert going.wait(20)
        return 3600.0

    task = BackgroundTask("exports", work, kind="queue", threads=2).start()
    until(lambda: task.status().running == 2, "both")
    going.set()
    until(lambda: task.status().running == 0, "the end of both")
    task.close()
    assert (task.status().threads, task.status().ended, task.status().failures) == (2, 2, 0)


def test_runs_are_counted() -> None:
    metrics, done = Metrics("auth"), threading.Event()
    answers: list[Callable[[], float]] = [_away, lambda: 0.0, lambda: done.wait(20) and 3600.0]
    handling = FailureHandling(RetryPolicy(None, 0, 0))
    task = BackgroundTask("purge", _one_after_the_other(answers), failures=handling, observer=metrics).start()
    until(lambda: not answers, "the third run")
    labels = '{service="auth",task="purge"}'

    def counted(name: str) -> float:
        lines = metrics.exposition().decode().splitlines()
        return float(
            next(line for line in lines if line.startswith(f"heartguard_background_{name}{labels} ")).split()[1]
        )

    assert [counted(name) for name in ("runs_total", "failures_total", "running")] == [2, 1, 1]
    assert counted("seconds_total") >= 0
    done.set()
    until(lambda: counted("runs_total") == 3, "its end")
    assert (counted("failures_total"), counted("running")) == (1, 0)
    task.close()

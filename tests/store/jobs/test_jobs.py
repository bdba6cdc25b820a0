"""The table of jobs, and the fake that takes its place elsewhere: the same exam for both."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors

from heartguard_cli.urls import libpq
from heartguard_common.core.background import BackgroundTask
from heartguard_common.core.clock import SystemClock
from heartguard_common.core.ids import uuid7
from heartguard_common.jobs.dead_letter_store import PostgresDeadLetters
from heartguard_common.jobs.engine import FINISHED_DAYS, RETRY, Job, JobError, JobRunner
from heartguard_common.jobs.job_store import PostgresJobs
from heartguard_common.stores.database import Database as Pool
from tests.clocks import NANOSECONDS, MovableClock
from tests.fakes.jobs import MemoryJobs
from tests.people import owner
from tests.servers import Database, until
from tests.store.jobs.crashing import work_on

NOW = 1_800_000_000 * NANOSECONDS
NUMBER = "0198c1d2-0000-7000-8000-00000000000a"
OTHER = "0198c1d2-0000-7000-8000-00000000000b"
JOB = Job(NUMBER, "user.export", 3, "user:12", NOW, 12)


@pytest.fixture
def pool(database: Database) -> Iterator[Pool]:
    pool = Pool(database.url_for("user"), pool_size=8)
    yield pool
    pool.close()


@pytest.fixture(params=["memory", "postgresql"])
def jobs(request: pytest.FixtureRequest) -> Any:
    return MemoryJobs() if request.param == "memory" else PostgresJobs(request.getfixturevalue("pool"))


def test_a_job_is_read_as_it_was_requested(jobs: Any) -> None:
    assert jobs.request(JOB) == (JOB, True)
    assert jobs.find("user.export", NUMBER) == JOB
    assert jobs.find("user.delete", NUMBER) is None
    assert jobs.find("user.export", OTHER) is None


def test_one_subject_has_one_open_job_of_a_kind(jobs: Any) -> None:
    jobs.request(JOB)
    assert jobs.request(replace(JOB, id=OTHER)) == (JOB, False)
    for different in ({"user_id": 13}, {"user_id": None}, {"kind": "user.delete"}, {"org_id": 4}):
        assert jobs.request(replace(JOB, id=uuid7(), **different))[1]
    organization = replace(JOB, id=uuid7(), kind="organization.delete", user_id=None)
    assert jobs.request(organization)[1]
    assert jobs.request(replace(organization, id=uuid7())) == (organization, False)


@pytest.mark.parametrize("ended", [JOB.advanced(100, "archive"), JOB.failed("media: GEN_422")])
def test_a_job_that_has_ended_stays_so_and_leaves_room(jobs: Any, ended: Job) -> None:
    jobs.request(JOB)
    jobs.save(ended)
    jobs.save(JOB.advanced(10))
    assert jobs.find("user.export", NUMBER) == ended
    assert jobs.due("user.export", NOW) == []
    assert jobs.request(replace(JOB, id=OTHER))[1]


def test_everything_of_a_job_is_saved(jobs: Any) -> None:
    jobs.request(JOB)
    later = JOB.advanced(40, "x").delayed("media: GEN_502", NOW + 5 * NANOSECONDS)
    jobs.save(later)
    assert jobs.find("user.export", NUMBER) == later


def test_due_jobs_are_those_whose_pause_is_over_oldest_first(jobs: Any) -> None:
    for number, (user, after) in enumerate([(1, 3), (2, 1), (3, 2), (4, 10)]):
        jobs.request(replace(JOB, id=NUMBER[:-1] + str(number), user_id=user, due_ns=NOW + after * NANOSECONDS))
    assert [number[-1] for number in jobs.due("user.export", NOW + 3 * NANOSECONDS)] == ["1", "2", "0"]
    assert jobs.due("user.delete", NOW + 99 * NANOSECONDS) == []


def test_one_worker_at_a_time_runs_a_job(jobs: Any) -> None:
    jobs.request(JOB)
    with jobs.held(NUMBER) as mine:
        assert mine == JOB
        with jobs.held(NUMBER) as yours, jobs.held(OTHER) as nothing:
            assert yours is None
            assert nothing is None
    with jobs.held(NUMBER) as again:
        assert again == JOB


def test_changes_under_the_lock_are_seen_at_once(pool: Pool, database: Database) -> None:
    jobs, elsewhere = PostgresJobs(pool), Pool(database.url_for("organization"))
    jobs.request(JOB)
    with jobs.held(NUMBER):
        jobs.save(JOB.advanced(50))
        assert PostgresJobs(elsewhere).find("user.export", NUMBER) == JOB.advanced(50)
    elsewhere.close()


def test_twenty_parallel_requests_are_one_job(pool: Pool) -> None:
    jobs = PostgresJobs(pool)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: jobs.request(replace(JOB, id=uuid7())), range(20)))
    assert len({job.id for job, _ in found}) == 1
    assert sum(new for _, new in found) == 1


def test_a_service_cannot_change_the_owner_of_a_job(pool: Pool, database: Database) -> None:
    PostgresJobs(pool).request(JOB)
    with psycopg2.connect(libpq(database.url_for("user"))) as connection, connection.cursor() as cursor:
        for change in ("org_id = 4", "user_id = 13", "kind = 'x'", "created_by = 'x'"):
            with pytest.raises(errors.InsufficientPrivilege):
                cursor.execute(f"UPDATE heartguard_core.jobs SET {change}")
            connection.rollback()
    connection.close()


@pytest.fixture
def start(database: Database) -> Iterator[Callable[..., tuple[Any, Any]]]:
    """Starts a process that works on exports; returns it, and what says which jobs it has taken."""
    context, started = multiprocessing.get_context("forkserver"), []

    def begin(*, hold: bool) -> tuple[Any, Any]:
        receiver, results = context.Pipe(duplex=False)
        arguments = (database.url_for("user"), JOB.kind, results)
        started.append(context.Process(target=work_on, args=arguments, kwargs={"hold": hold}, daemon=True))
        started[-1].start()
        return started[-1], receiver

    yield begin
    for process in started:
        process.kill()
        process.join()


def test_of_two_worker_processes_the_killed_one_leaves_its_job_to_the_other(pool: Pool, start: Any) -> None:
    jobs = PostgresJobs(pool)
    job = jobs.request(replace(JOB, due_ns=0))[0]
    killed, of_killed = start(hold=True)
    assert of_killed.poll(60)
    assert of_killed.recv() == job.id
    _, of_other = start(hold=False)
    second = jobs.request(replace(JOB, id=OTHER, user_id=13, due_ns=0))[0]
    assert of_other.poll(60)
    assert of_other.recv() == second.id, "the first one is being worked on"
    killed.kill()
    killed.join()
    assert of_other.poll(60)
    assert of_other.recv() == job.id
    until(lambda: not jobs.find(job.kind, job.id).open, "the end of the job")
    assert jobs.find(job.kind, job.id) == replace(job, status="done", progress=100)
    assert not of_other.poll(0), "each was done once"


@pytest.fixture
def dead_letters(pool: Pool) -> PostgresDeadLetters:
    return PostgresDeadLetters("user", pool, MovableClock())


def test_a_job_that_cannot_be_saved_delays_no_other(pool: Pool, dead_letters: PostgresDeadLetters) -> None:
    """Its end could not be recorded: the thread died at it, again and again, before it came to the next one."""
    jobs, clock, ended = PostgresJobs(pool), MovableClock(), []

    def tell(job: Job) -> None:
        if job.user_id == 1:
            raise LookupError
        ended.append(job.id)

    first, second = (replace(JOB, id=one, due_ns=0, user_id=user) for one, user in ((NUMBER, 1), (OTHER, 2)))
    for job in (first, second):
        jobs.request(job)
    runner = JobRunner(
        JOB.kind, jobs, lambda job: job.advanced(100), tell, clock, queue="exports", dead_letters=dead_letters
    )
    runner.run()
    assert ended == [OTHER]
    (letter,) = dead_letters.page("exports", "retrying", None, 10)
    assert (letter.item, letter.org_id, letter.reason) == (NUMBER, 3, "GEN_500")
    assert jobs.find(JOB.kind, NUMBER).due_ns == clock.now_ns() + NANOSECONDS


def test_a_job_is_given_up_after_a_day_and_continues_when_the_operator_says_so(
    pool: Pool, dead_letters: PostgresDeadLetters
) -> None:
    jobs, clock, ended, faults = PostgresJobs(pool), MovableClock(), [], [JobError("media: GEN_502", permanent=False)]

    def work(job: Job) -> Job:
        if faults:
            raise faults[0]
        return job.advanced(100)

    runner = JobRunner(JOB.kind, jobs, work, ended.append, clock, queue="exports", dead_letters=dead_letters)
    queue = jobs.queue(JOB.kind, clock, lambda: None)
    jobs.request(replace(JOB, due_ns=0))
    began = clock.now_ns()
    with pool.transaction():  # one commit for three hundred attempts
        while not ended:
            runner.run()
            clock.forward(300)
    assert 86_400 <= (clock.now_ns() - began) / NANOSECONDS <= 91_000
    (given_up,) = ended
    assert (given_up.status, given_up.error) == ("failed", "media: GEN_502")
    (letter,) = dead_letters.page("exports", "dead", None, 10)
    assert (letter.item, letter.reason, letter.attempts) == (NUMBER, "media: GEN_502", RETRY.max_attempts)
    assert queue.oldest_seconds() == 0
    faults.clear()
    queue.retry(letter)
    assert jobs.find(JOB.kind, NUMBER) == replace(JOB, due_ns=clock.now_ns())
    runner.run()
    assert jobs.find(JOB.kind, NUMBER).status == "done"
    assert dead_letters.page("exports", None, None, 10) == []


def test_a_job_whose_successor_is_open_is_not_opened_again(pool: Pool) -> None:
    jobs, clock = PostgresJobs(pool), MovableClock()
    jobs.request(JOB)
    jobs.save(JOB.failed("x"))
    jobs.request(replace(JOB, id=OTHER))
    jobs.retry(NUMBER, clock.now_ns())
    assert jobs.find(JOB.kind, NUMBER).status == "failed"
    jobs.give_up(OTHER)
    jobs.retry(NUMBER, clock.now_ns())
    assert [jobs.find(JOB.kind, it).status for it in (NUMBER, OTHER)] == ["queued", "failed"]


def test_a_long_job_delays_no_other(pool: Pool) -> None:
    jobs, lasting, done = PostgresJobs(pool), threading.Event(), []

    def work(job: Job) -> Job:
        if job.id == NUMBER:
            lasting.wait(20)
        return job.advanced(100)

    for number, user in ((NUMBER, 1), (OTHER, 2)):
        jobs.request(replace(JOB, id=number, due_ns=0, user_id=user))
    runner = JobRunner(JOB.kind, jobs, work, lambda job: done.append(job.id), SystemClock())
    task = BackgroundTask("exports", runner.run, kind="queue", threads=2).start()
    try:
        until(lambda: done == [OTHER], "the other one")
    finally:
        lasting.set()
        until(lambda: len(done) == 2, "the end of both")
        task.close()


def test_an_ended_job_is_kept_for_a_month(pool: Pool, database: Database) -> None:
    jobs, kept, opened = PostgresJobs(pool), uuid7(), uuid7()
    for number, user in ((NUMBER, 1), (kept, 2), (opened, 3)):
        jobs.request(replace(JOB, id=number, user_id=user))
    for number in (NUMBER, kept):
        jobs.save(replace(JOB, id=number).failed("x"))
    with owner(database) as cursor:
        cursor.execute("ALTER TABLE heartguard_core.jobs DISABLE TRIGGER touch")
        ages = ((NUMBER, FINISHED_DAYS + 1), (kept, FINISHED_DAYS - 1), (opened, 2 * FINISHED_DAYS))
        for number, days in ages:
            cursor.execute(
                "UPDATE heartguard_core.jobs SET updated_at = now() - make_interval(days => %s) WHERE id = %s",
                (days, number),
            )
    JobRunner(JOB.kind, jobs, lambda job: job, lambda _: None, SystemClock()).run()
    assert [jobs.find(JOB.kind, it) is not None for it in (NUMBER, kept, opened)] == [False, True, True]

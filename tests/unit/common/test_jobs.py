"""Jobs without a database: when they are retried, when they fail, and that none delays another."""

from dataclasses import replace
from typing import Any

import pytest

from heartguard_common.core.errors import FORBIDDEN, ServiceCallError, ServiceError
from heartguard_common.core.trace import REQUEST_ID
from heartguard_common.jobs.engine import LOOK_SECONDS, Job, JobError, JobRunner, audit_job_end
from heartguard_common.jobs.erasures import DeletionStep, Erasure, RetryAfter
from tests.clocks import NANOSECONDS, MovableClock
from tests.fakes.jobs import MemoryJobs

STEPS = (DeletionStep("auth", 30), DeletionStep("media", 60), DeletionStep("user", 100))


class Stack:
    """A runner with erasers that raise the errors in `answers`, or do nothing."""

    def __init__(self) -> None:
        self.clock, self.jobs = MovableClock(), MemoryJobs()
        self.calls: list[tuple[str, int, int | None]] = []
        self.request_ids: set[str | None] = set()
        self.answers: dict[str, Exception] = {}
        self.again: dict[str, float] = {}
        self.ended: list[Job] = []
        erasers = {step.eraser: self._eraser(step.eraser) for step in STEPS}
        self.runner = JobRunner("k", self.jobs, Erasure(STEPS, erasers, self.clock), self.ended.append, self.clock)

    def _eraser(self, name: str) -> Any:
        def erase(org_id: int, user_id: int | None) -> RetryAfter | None:
            self.calls.append((name, org_id, user_id))
            self.request_ids.add(REQUEST_ID.get())
            if name in self.answers:
                raise self.answers[name]
            return RetryAfter(self.again.pop(name)) if name in self.again else None

        return erase

    def ask(self, number: str = "j", **more: Any) -> Job:
        job = Job(number, "k", more.pop("org_id", 3), "user:1", self.clock.now_ns(), **more)
        return self.jobs.request(job)[0]


@pytest.fixture
def stack() -> Stack:
    return Stack()


def test_a_job_runs_every_step_once_in_order(stack: Stack) -> None:
    stack.ask(user_id=12)
    assert stack.runner.run() == LOOK_SECONDS
    assert stack.calls == [("auth", 3, 12), ("media", 3, 12), ("user", 3, 12)]
    (job,) = stack.ended
    assert (job.status, job.progress, job.error) == ("done", 100, None)
    assert stack.request_ids == {"j"}
    stack.runner.run()
    assert len(stack.calls) == 3


def test_a_step_to_be_repeated_waits_before_the_next_step(stack: Stack) -> None:
    stack.ask()
    stack.again["media"] = 57.0
    stack.runner.run()
    job = stack.jobs.kept["j"]
    assert (job.status, job.progress, job.error) == ("running", 30, None)
    stack.clock.forward(56)
    stack.runner.run()
    assert [name for name, *_ in stack.calls] == ["auth", "media"]
    stack.clock.forward(1)
    stack.runner.run()
    assert [name for name, *_ in stack.calls[2:]] == ["media", "user"]
    assert stack.ended[0].status == "done"


@pytest.mark.parametrize(
    "fault",
    [
        ServiceCallError(),
        ServiceCallError(503, "GEN_503"),
        ServiceCallError(401),
        ServiceCallError(404),
        OSError(),
        ServiceError(FORBIDDEN),
    ],
)
def test_a_temporary_failure_is_retried_after_growing_pauses(stack: Stack, fault: Exception) -> None:
    job = stack.ask()
    stack.answers["media"] = fault
    rests = []
    for _ in range(11):
        stack.runner.run()
        found = stack.jobs.kept[job.id]
        assert (found.status, found.progress) == ("running", 30)
        assert found.error
        rests.append((found.due_ns - stack.clock.now_ns()) / NANOSECONDS)
        stack.clock.forward(rests[-1] - 0.5)
        before = len(stack.calls)
        stack.runner.run()
        assert len(stack.calls) == before, "it rests"
        stack.clock.forward(0.5)
    assert rests == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    stack.answers.clear()
    stack.runner.run()
    assert stack.jobs.kept[job.id].status == "done"
    assert [name for name, *_ in stack.calls].count("auth") == 1


@pytest.mark.parametrize("status", [400, 409, 410, 413, 415, 422])
def test_a_permanent_failure_fails_the_job(stack: Stack, status: int) -> None:
    job = stack.ask()
    stack.answers["media"] = ServiceCallError(status, "MEDIA_009")
    stack.runner.run()
    assert stack.ended == [stack.jobs.kept[job.id]]
    (failed,) = stack.ended
    assert (failed.status, failed.progress, failed.error) == ("failed", 30, "media: MEDIA_009")
    stack.clock.forward(9999)
    stack.runner.run()
    assert len(stack.calls) == 2


def test_a_success_resets_the_failures() -> None:
    job = Job("j", "k", 3, "user:1", 0)
    tired = job.delayed("x", 0).delayed("x", 0).delayed("x", 0)
    assert tired.advanced(30).delayed("y", 0).due_ns == NANOSECONDS


def test_a_waiting_job_does_not_block_another(stack: Stack) -> None:
    stack.ask("first")
    stack.answers["auth"] = ValueError("an internal error")
    stack.ask("second", org_id=4)
    stack.runner.run()
    assert [(name, org_id) for name, org_id, _ in stack.calls] == [("auth", 3), ("auth", 4)]
    assert stack.jobs.kept["first"].error == "GEN_500"


def test_a_step_can_be_tried_at_once_by_one_worker_only(stack: Stack) -> None:
    job = stack.ask()
    with stack.jobs.held(job.id):
        assert stack.runner.step(job.id) is None
    after = stack.runner.step(job.id)
    assert after == replace(job, status="running", progress=30)
    assert stack.ended == []


def test_the_job_document_has_only_what_is_known() -> None:
    job = Job("j", "k", 3, "user:1", 0)
    assert job.document() == {"id": "j", "status": "queued", "progress": 0}
    assert job.failed("x").document("http://x") == {
        "id": "j",
        "status": "failed",
        "progress": 0,
        "error": "x",
        "result_url": "http://x",
    }


@pytest.mark.parametrize(("user", "resource"), [(None, "organization:3"), (12, "user:12")])
def test_an_end_is_audited_with_its_outcome(user: int | None, resource: str) -> None:
    said: list[Any] = []

    class Trail:
        def changed(self, *where: Any, **how: Any) -> Any:
            said.append((where[0].actor, *where[1:], how))

    job = Job("j", "k", 3, "user:1", 0, user)
    audit_job_end(Trail(), "user", "user.deleted")(job.advanced(100))
    audit_job_end(Trail(), "user", "user.deleted")(job.failed("media: GEN_422"))
    payload = {"job": "j", "requested_by": "user:1"}
    assert said == [
        ("service:user", "user.deleted", resource,
         {"org_id": 3, "outcome": "success", "reason": None, "payload": payload}),
        ("service:user", "user.deleted", resource,
         {"org_id": 3, "outcome": "failure", "reason": "media: GEN_422", "payload": payload}),
    ]  # fmt: skip


def test_a_job_error_names_the_service_and_the_code_of_its_refusal() -> None:
    assert JobError.of("media", ServiceCallError(422, "MEDIA_004")).reason == "media: MEDIA_004"
    assert JobError.of("media", ServiceCallError(502)).reason == "media: GEN_502"
    assert JobError.of("user", ServiceError(FORBIDDEN)).reason == "user: GEN_403"

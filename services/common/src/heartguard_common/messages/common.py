"""Types that several resources share, and the messages every service knows.

Made by schemas/build.py from schemas/common.schema.json: change that, not this file.
"""

from typing import Literal, NotRequired, TypeAlias, TypedDict

Role: TypeAlias = Literal["admin", "manager", "user"]
"""What a person may do in the own organization."""
HealthStatus: TypeAlias = Literal["pass", "warn", "fail"]
"""All is well, something is not, or nothing works."""
TaskKind: TypeAlias = Literal["queue", "periodic"]
"""Whether a background task empties queues, looking often, or does something at intervals."""
TaskStatus: TypeAlias = Literal["running", "waiting", "retrying", "ended"]
"""Whether a run is under way, waits for its time, waits after a failure, or a thread of the task has ended."""


class DependencyDocument(TypedDict):
    """One thing a service needs, and how it is."""

    name: str
    status: str
    latency_ms: NotRequired[float | None]
    reason: NotRequired[str]


class ViolationDocument(TypedDict):
    """One thing wrong with a document: a JSON Pointer (RFC 6901) into its JSON form, and a text."""

    path: str
    message: str


class ErrorDocument(TypedDict):
    """A refusal."""

    code: str
    message: str
    request_id: NotRequired[str]
    details: NotRequired[list[ViolationDocument]]


class Error(TypedDict):
    """Every refusal of every service. The one message whose JSON has a wrapper its XML has not."""

    error: ErrorDocument


class Health(TypedDict):
    """The process lives; no dependency is touched."""

    status: str
    service: str
    version: NotRequired[str]


class HealthCheckDocument(TypedDict):
    """One service, and whether it is ready."""

    name: str
    status: HealthStatus


class SystemHealth(TypedDict):
    """The health of all services, a few seconds old. Clients of InfluxDB 2 read it as that server's; Accept:
    application/health+json gives the form of the health check draft.
    """

    name: str
    status: HealthStatus
    message: NotRequired[str]
    version: NotRequired[str]
    time: NotRequired[str]
    checks: list[HealthCheckDocument]


class Readiness(TypedDict):
    """Whether the service can work now, dependency by dependency."""

    status: str
    dependencies: list[DependencyDocument]


class ServiceList(TypedDict):
    """The services behind the gateway and how they are."""

    items: list[DependencyDocument]


class Job(TypedDict):
    """Work that goes on after the answer."""

    id: str
    status: Literal["queued", "running", "done", "failed"]
    progress: NotRequired[int]
    result_url: NotRequired[str]
    error: NotRequired[str]


class DeadLetter(TypedDict):
    """An item of a queue that failed: retrying at next_attempt_at, or dead until the operator has it tried again."""

    id: str
    service: str
    queue: str
    item: str
    org_id: NotRequired[int]
    status: Literal["retrying", "dead"]
    attempts: int
    reason: str
    failed_at: str
    last_failed_at: str
    next_attempt_at: NotRequired[str]


class DeadLetterList(TypedDict):
    """Items that failed, oldest first."""

    items: list[DeadLetter]
    next_cursor: str | None


class DeadLetterQuery(TypedDict):
    """A page of the items that failed; without status, of those that are dead."""

    queue: NotRequired[str]
    status: NotRequired[Literal["retrying", "dead"]]
    limit: NotRequired[int]
    cursor: NotRequired[str]


class BackgroundTaskDocument(TypedDict):
    """A background task of one process: what it does, and what became of its last runs."""

    name: str
    kind: TaskKind
    process: str
    status: TaskStatus
    threads: int
    running: int
    running_since: NotRequired[str]
    failures: int
    last_success_at: NotRequired[str]
    last_failure_at: NotRequired[str]
    last_error: NotRequired[str]
    next_run_at: NotRequired[str]


class BackgroundQueueDocument(TypedDict):
    """A queue of a service: items that wait, that failed and are tried again, and that are dead letters."""

    name: str
    waiting: NotRequired[int]
    oldest_seconds: NotRequired[float]
    retrying: int
    dead: int


class BackgroundWork(TypedDict):
    """What a service does in the background, in all its processes. Not complete while Redis is unavailable (the
    tasks of other processes are missing) or PostgreSQL (the queues are).
    """

    service: str
    complete: bool
    tasks: list[BackgroundTaskDocument]
    queues: list[BackgroundQueueDocument]


class ExportQuery(TypedDict):
    """Between services: whose data is asked for."""

    org_id: int
    user_id: int


class ErasureRequest(TypedDict):
    """Between services: remove what is kept of an organization, or of one of its members."""

    org_id: int
    user_id: NotRequired[int]


class ErasureResult(TypedDict):
    """How many things this call removed; 0 when repeated. With again_in the call has to be repeated after so many
    seconds: what was begun before the deletion may still arrive.
    """

    removed: int
    again_in: NotRequired[int]

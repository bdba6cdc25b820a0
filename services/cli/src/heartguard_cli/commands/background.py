"""`jobs` and `dead-letters`: work in the background that waits or has failed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from heartguard_cli.commands.common_options import as_json, yes
from heartguard_cli.commands.invocation import Invocation
from heartguard_common.command_line.running import HELP_OPTIONS
from heartguard_common.core.registry import SERVICES

if TYPE_CHECKING:
    from heartguard_cli.operator_api import OperatorApi

WITH_JOBS = ("organization", "user", "influx")
WITH_QUEUES = tuple(name for name, it in SERVICES.items() if it.database)
STUCK = timedelta(minutes=15)
"""A job that has not changed for so long, although its next step is due, is stuck."""


@click.group(name="jobs", context_settings=HELP_OPTIONS)
def jobs() -> None:
    """Show and retry deletions, exports and imports.

    HeartGuard has to run. The exit code is 1 when the API refuses.
    """


@jobs.command(name="list")
@click.option("--service", type=click.Choice(WITH_JOBS), help="Of this service only.")
@click.option(
    "--status",
    type=click.Choice(("queued", "running", "failed", "done")),
    help="With this status only; without it, all that are not done.",
)
@click.option("--stuck", is_flag=True, help="Only those that failed, fail again and again, or stand still.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N of each service.")
@as_json
@click.pass_obj
def _list_jobs(
    invocation: Invocation, service: str | None, status: str | None, limit: int | None, *, stuck: bool, as_json: bool
) -> int:
    """List the jobs that are not done, the oldest first."""
    from heartguard_cli import listing

    api = invocation.operator_api()
    found, complete = _of_each(
        WITH_JOBS, service, lambda name: api.items(_path(name, "jobs"), {"status": status}, limit)
    )
    shown = sorted((it for it in found if not stuck or _stuck(it)), key=lambda it: it["created_at"])
    columns: listing.Columns = {
        "job": lambda it: it["id"],
        "kind": lambda it: it["kind"],
        "organization": lambda it: str(it["org_id"]),
        "person": lambda it: str(it.get("user_id", "-")),
        "state": lambda it: "retrying" if it["status"] == "running" and it.get("error") else it["status"],
        "done": lambda it: f"{it['progress']} %",
        "failures": lambda it: str(it["attempts"]),
        "requested": lambda it: listing.moment(it["created_at"]),
        "next": lambda it: listing.moment(it.get("next_attempt_at")),
        "error": lambda it: it.get("error", ""),
    }
    listing.show(shown, columns, as_json=as_json, nothing="no job is like that" if stuck or status else "no job waits")
    return 0 if complete else 1


@jobs.command(name="retry")
@click.argument("job", type=click.UUID)
@click.option("--service", type=click.Choice(WITH_JOBS), help="The service of the job; found without it.")
@as_json
@click.pass_obj
def _retry_job(invocation: Invocation, job: object, service: str | None, *, as_json: bool) -> None:
    """Have a job tried again now.

    JOB is its id, as `jobs list` shows it.
    """
    api = invocation.operator_api()
    name, _ = _first(WITH_JOBS, service, lambda name: api.post(f"{_path(name, 'jobs')}/{job}/retry"))
    _tell({"id": str(job), "service": name}, f"{job} is tried again now: `jobs list` shows it", as_json=as_json)


@click.group(name="dead-letters", context_settings=HELP_OPTIONS)
def dead_letters() -> None:
    """Show items of queues that failed; retry or drop them.

    HeartGuard has to run. The exit code is 1 when the API refuses. LETTER is the id that the list shows.
    """


_service = click.option("--service", type=click.Choice(WITH_QUEUES), help="The service; all of them without it.")


@dead_letters.command(name="list")
@_service
@click.option("--queue", metavar="NAME", help="Of this queue only.")
@click.option("--retrying", is_flag=True, help="Those that are tried again by themselves, instead of the dead ones.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N of each service.")
@as_json
@click.pass_obj
def _list_letters(
    invocation: Invocation, service: str | None, queue: str | None, limit: int | None, *, retrying: bool, as_json: bool
) -> int:
    """List failed items of all services, the oldest first."""
    from heartguard_cli import listing

    api = invocation.operator_api()
    query = {"queue": queue, "status": "retrying" if retrying else "dead"}
    found, complete = _of_each(WITH_QUEUES, service, lambda name: api.items(_path(name, "dead-letters"), query, limit))
    columns: listing.Columns = {
        "letter": lambda it: it["id"],
        "service": lambda it: it["service"],
        "queue": lambda it: it["queue"],
        "organization": lambda it: str(it.get("org_id", "-")),
        "attempts": lambda it: str(it["attempts"]),
        "last failed": lambda it: listing.moment(it["last_failed_at"]),
        "next": lambda it: listing.moment(it.get("next_attempt_at")),
        "reason": lambda it: it["reason"],
    }
    found.sort(key=lambda it: it["failed_at"])
    listing.show(
        found, columns, as_json=as_json, nothing="no item has failed" if retrying else "there is no dead letter"
    )
    return 0 if complete else 1


@dead_letters.command(name="show")
@click.argument("letter", type=click.UUID)
@_service
@as_json
@click.pass_obj
def _show_letter(invocation: Invocation, letter: object, service: str | None, *, as_json: bool) -> None:
    """Show one failed item and its reason."""
    from heartguard_cli import listing
    from heartguard_common.command_line.terminal import show_json

    found = _letter(invocation.operator_api(), letter, service)[1]
    if as_json:
        show_json(found)
    else:
        listing.show_values({name: str(value) for name, value in found.items()})


@dead_letters.command(name="retry")
@click.argument("letter", type=click.UUID)
@_service
@as_json
@click.pass_obj
def _retry_letter(invocation: Invocation, letter: object, service: str | None, *, as_json: bool) -> None:
    """Have a failed item tried again now."""
    api = invocation.operator_api()
    name, found = _letter(api, letter, service)
    api.post(f"{_path(name, 'dead-letters')}/{letter}/retry")
    _tell(found, f"{found['queue']} of {name}: {found['item']} is tried again", as_json=as_json)


@dead_letters.command(name="drop")
@click.argument("letter", type=click.UUID)
@_service
@yes
@as_json
@click.pass_obj
def _drop_letter(invocation: Invocation, letter: object, service: str | None, *, yes: bool, as_json: bool) -> None:
    """Remove a failed item for good."""
    from heartguard_cli import listing

    api = invocation.operator_api()
    name, found = _letter(api, letter, service)
    what = f"{found['queue']} of {name}: {found['item']} ({found['reason']})"
    listing.confirmed(f"Remove {what} for good?", yes=yes)
    api.delete(f"{_path(name, 'dead-letters')}/{letter}")
    _tell(found, f"removed {what}", as_json=as_json)


def _tell(item: object, sentence: str, *, as_json: bool) -> None:
    """Say what was done, as a sentence or as JSON."""
    from heartguard_common.command_line.terminal import show_json

    if as_json:
        show_json(item)
    else:
        click.echo(sentence)


def _path(service: str, end: str) -> str:
    return f"{SERVICES[service].prefix}/{end}"


def _of_each(names: tuple[str, ...], only: str | None, ask: Callable[[str], Any]) -> tuple[list[Any], bool]:
    """The items of all services, and whether all have answered; who has not is said on standard error."""
    from heartguard_cli.operator_api import RefusedError

    found: list[Any] = []
    complete = True
    for name in (only,) if only else names:
        try:
            found.extend(ask(name))
        except RefusedError as refusal:
            complete = False
            click.echo(f"heartguard: {name}: {refusal}", err=True)
    return found, complete


def _first(names: tuple[str, ...], only: str | None, ask: Callable[[str], Any]) -> tuple[str, Any]:
    """The service that has what is asked for, and its answer. Raises `CommandError` where none has it."""
    from heartguard_cli.operator_api import RefusedError

    last: RefusedError | None = None
    for name in (only,) if only else names:
        try:
            return name, ask(name)
        except RefusedError as refusal:
            if refusal.code != "GEN_404":
                raise
            last = refusal
    assert last is not None
    raise last


def _letter(api: "OperatorApi", letter: object, service: str | None) -> tuple[str, Any]:
    from heartguard_common.messages import DeadLetter

    return _first(WITH_QUEUES, service, lambda name: api.get(f"{_path(name, 'dead-letters')}/{letter}", DeadLetter))


def _stuck(job: Any) -> bool:
    """Whether an operator should look at it."""
    if job["status"] == "failed" or job.get("error"):
        return True
    due = datetime.fromisoformat(job["next_attempt_at"]) if "next_attempt_at" in job else None
    return due is not None and datetime.now(UTC) - due > STUCK

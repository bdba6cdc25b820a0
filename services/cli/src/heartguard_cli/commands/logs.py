"""`logs`."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from heartguard_cli.commands.invocation import Invocation, in_docker
from heartguard_cli.errors import CommandError
from heartguard_common.core.registry import REGISTRY, SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from heartguard_cli.service_logs import LogLine

PROGRAMS = (*SERVICES, *REGISTRY.programs)
LEVELS = ("debug", "info", "warning", "error", "critical")
SHOWN, BEFORE_FOLLOWING = 100, 10
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class _Since(click.ParamType[str]):
    """A time, or how long ago, as the text by which log lines are sorted."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Raises `click.BadParameter`."""
        try:
            if ago := re.fullmatch(r"([0-9]{1,6})([smhd])", value):
                moment = datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
            else:
                moment = datetime.fromisoformat(value)
                moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value} is neither 30s, 15m, 2h, 1d nor a time such as 2026-11-30T08:15:00Z", param, ctx)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")


class _Status(click.ParamType[str]):
    """A status, or all of a class."""

    name = "status"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Raises `click.BadParameter`."""
        if not re.fullmatch(r"[1-5]([0-9]{2}|xx)", value):
            self.fail(f"{value} is neither a status such as 404 nor a class such as 5xx", param, ctx)
        return value


@click.command
@click.option("--follow", is_flag=True, help="Go on with new lines as they are written, until Ctrl-C.")
@click.option(
    "--service", "programs", multiple=True, type=click.Choice(PROGRAMS), help="Of this one only; may be repeated."
)
@click.option("--level", type=click.Choice(LEVELS), default="debug", help="Of this level or above.")
@click.option("--since", type=_Since(), metavar="TIME", help="From 15m, 2h or 1d ago on, or from a time on.")
@click.option("--request-id", metavar="ID", help="X-Request-ID or X-Gateway-Request-ID of the answer.")
@click.option("--user", type=int, metavar="ID", help="Requests of this person.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=_Status(),
    metavar="N",
    help="Requests with 404, 5xx, ...; may be repeated.",
)
@click.option("--lines", type=click.IntRange(min=1), metavar="N", help="The newest N; without --since 100 at most.")
@click.option("--json/--text", "as_json", default=None, help="Lines of JSON, as in a pipe, or text, as on a terminal.")
@click.pass_obj
def logs(
    invocation: Invocation,
    programs: tuple[str, ...],
    level: str,
    since: str | None,
    request_id: str | None,
    user: int | None,
    statuses: tuple[str, ...],
    lines: int | None,
    *,
    follow: bool,
    as_json: bool | None,
) -> int:
    """Print log lines of all services.

    They are in the order of their times. On a terminal they are text in colours, in a pipe as they were written, one
    JSON object a line. Older files are read, too. The exit code is 1 when there is no such line.
    """
    import contextlib
    import time

    from heartguard_cli import service_logs

    directory = invocation.layout.log
    if not directory.exists() and invocation.configured and in_docker(invocation.system()):
        raise CommandError("HeartGuard runs under Docker here: `docker compose logs --follow SERVICE` has its lines")
    wanted = service_logs.LogFilter(programs or PROGRAMS, level, since or "", user, statuses)
    if request_id is not None:
        if follow:
            raise click.UsageError("--request-id is one request: it has an end, and nothing to follow")
        found = service_logs.of_request(directory, request_id, wanted)[-(lines or 0) :]
        return _print(found, f"no line in {directory} carries {request_id}", as_json=as_json)
    if not follow:
        most = lines or (None if since else SHOWN)
        return _print(service_logs.last(directory, wanted, most), "no line is like that", as_json=as_json)
    with contextlib.suppress(KeyboardInterrupt):
        _print(service_logs.follow(directory, wanted, lines or BEFORE_FOLLOWING, time.sleep), "", as_json=as_json)
    return 0


def _print(lines: "Iterable[LogLine]", nothing: str, *, as_json: bool | None) -> int:
    """Print each line at once; 1, with the sentence `nothing` on standard error, where there is none."""
    import sys

    from heartguard_cli import log_text

    as_json = not sys.stdout.isatty() if as_json is None else as_json
    day, any_line = "", False
    for line in lines:
        if as_json and line.document is None:
            continue  # what reads JSON gets no other line
        any_line = True
        if as_json:
            click.echo(line.text)
            continue
        if log_text.day_of(line) != day and line.at:
            day = log_text.day_of(line)
            click.echo(click.style(f"-- {day} (UTC)", bold=True))
        click.echo(log_text.text_of(line))
    if not any_line and nothing:
        click.echo(f"heartguard: {nothing}", err=True)
    return 0 if any_line else 1

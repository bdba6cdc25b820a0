"""`alarms`: what a person with a login may do with the alarms of their organization."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from heartguard_cli.commands.common_options import as_json
from heartguard_cli.commands.invocation import Invocation
from heartguard_common.command_line.running import HELP_OPTIONS

if TYPE_CHECKING:
    from heartguard_cli.operator_api import OperatorApi

SHOWN = 50
SEVERITIES = ("info", "warning", "critical")
Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(name="alarms", context_settings=HELP_OPTIONS)
def alarms() -> None:
    """List and acknowledge alarms, logged in as a person.

    The operator sees nobody's measurements, and an acknowledgement names who takes care: so each call logs in with an
    e-mail address and a password, and logs out again. HeartGuard is not a medical device.
    """


def _as_person(command: Command) -> Command:
    """The options of a login."""
    for option in (
        click.option("--organization", type=int, metavar="ID", help="For a member of several: this organization."),
        click.option("--password-file", type=click.File("r"), help="Read the password from a file, - for stdin."),
        click.option("--email", required=True, metavar="ADDRESS", help="Who logs in."),
    ):
        command = option(command)
    return command


@alarms.command(name="list")
@_as_person
@click.option("--all", "everything", is_flag=True, help="Also those that somebody has acknowledged.")
@click.option("--active", is_flag=True, help="Only those whose values are not normal again.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="Of this severity only.")
@click.option("--user", type=int, metavar="ID", help="Of this person only.")
@click.option("--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True, metavar="N", help="At most N.")
@as_json
@click.pass_obj
def _list(
    invocation: Invocation,
    email: str,
    password_file: TextIO | None,
    organization: int | None,
    severity: str | None,
    user: int | None,
    limit: int,
    *,
    everything: bool,
    active: bool,
    as_json: bool,
) -> None:
    """List the alarms that nobody has acknowledged.

    Those that were found last come first.
    """
    from heartguard_cli import listing

    query = {"user_id": user, "severity": severity, "active": active or None}
    query["acknowledged"] = None if everything else False
    with _logged_in(invocation, email, password_file, organization) as api:
        found = listing.some(api, "/alarms", query, limit)
    columns: listing.Columns = {
        "id": lambda it: it["id"],
        "severity": lambda it: it["severity"],
        "user": lambda it: str(it["user_id"]),
        "start": lambda it: listing.moment(it["start"]),
        "end": lambda it: listing.moment(it.get("end")),
        "acknowledged by": lambda it: it.get("acknowledged_by", "-"),
        "rule": lambda it: it["rule_name"],
    }
    listing.show(found, columns, as_json=as_json, nothing="there is no such alarm")


@alarms.command(name="acknowledge")
@click.argument("alarm")
@_as_person
@click.option("--note", metavar="TEXT", help="What to know about it.")
@as_json
@click.pass_obj
def _acknowledge(
    invocation: Invocation,
    alarm: str,
    email: str,
    password_file: TextIO | None,
    organization: int | None,
    note: str | None,
    *,
    as_json: bool,
) -> None:
    """Say that you take care of an alarm.

    It stays active until the values are normal.
    """
    from urllib.parse import quote

    from heartguard_cli import listing
    from heartguard_common.command_line.terminal import show_json

    document = {} if note is None else {"note": note}
    with _logged_in(invocation, email, password_file, organization) as api:
        found = api.post(f"/alarms/{quote(alarm, safe='')}/acknowledge", document)
    if as_json:
        show_json(found)
        return
    listing.show_values(
        {
            "alarm": found["id"],
            "user": str(found["user_id"]),
            "rule": found["rule_name"],
            "active": "yes" if found["active"] else "no",
            "acknowledged by": found["acknowledged_by"],
            "acknowledged": listing.moment(found["acknowledged_at"]),
        }
    )


@contextmanager
def _logged_in(
    invocation: Invocation, email: str, password_file: TextIO | None, organization: int | None
) -> "Iterator[OperatorApi]":
    """The API for a person, whose session ends afterwards."""
    operator = invocation.operator_api()
    if password_file is not None:
        password = password_file.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, err=True)
    login = {"email": email, "password": password} | ({} if organization is None else {"org_id": organization})
    api = operator.with_token(operator.with_token("").post("/auth/login", login)["access_token"])
    try:
        yield api
    finally:
        api.post("/auth/logout")

"""`users`: people of all organizations, their sessions and locks."""

from typing import TYPE_CHECKING

import click

from heartguard_cli.commands.common_options import as_json
from heartguard_cli.commands.invocation import Invocation
from heartguard_common.command_line.running import HELP_OPTIONS

if TYPE_CHECKING:
    from heartguard_cli.operator_api import OperatorApi
    from heartguard_common.messages import AccountState

ROLES = ("admin", "manager", "user")
SHOWN = 200
ACCOUNTS = "/auth/accounts"


@click.group(name="users", context_settings=HELP_OPTIONS)
def users() -> None:
    """Find, invite, lock and unlock people.

    WHO is a person's e-mail address or number. A person with several organizations has a number in each: by the address
    `lock`, `unlock` and `end-sessions` are for all of them, by a number for one. HeartGuard has to run. The exit
    code is 1 when the API refuses.
    """


@users.command(name="list")
@click.option("--organization", type=int, metavar="ID", help="Of this organization only.")
@click.option("--email", metavar="ADDRESS", help="The one with this address.")
@click.option("--search", metavar="TEXT", help="Whose name or address contains the text.")
@click.option("--role", type=click.Choice(ROLES), help="With this role only.")
@click.option("--locked/--active", "locked", default=None, help="Only locked accounts, or only the others.")
@click.option("--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True, metavar="N", help="At most N.")
@as_json
@click.pass_obj
def _list(
    invocation: Invocation,
    organization: int | None,
    email: str | None,
    search: str | None,
    role: str | None,
    limit: int,
    *,
    locked: bool | None,
    as_json: bool,
) -> None:
    """List people of all organizations, by number."""
    from heartguard_cli import listing

    active = None if locked is None else not locked
    query = {"org_id": organization, "email": email, "q": search, "role": role, "active": active}
    found = listing.some(invocation.operator_api(), ACCOUNTS, query, limit)
    columns: listing.Columns = {
        "id": lambda it: str(it["id"]),
        "e-mail": lambda it: it["email"],
        "role": lambda it: it["role"],
        "organization": lambda it: str(it["org_id"]),
        "state": _state,
        "sessions": lambda it: str(it["open_sessions"]),
        "last use": lambda it: listing.moment(it.get("last_used_at")),
        "name": lambda it: it["full_name"] or "",
    }
    listing.show(found, columns, as_json=as_json, nothing="there is nobody like that")


@users.command(name="show")
@click.argument("who")
@as_json
@click.pass_obj
def _show(invocation: Invocation, who: str, *, as_json: bool) -> None:
    """Show one person, with organization and locks.

    With several organizations, one membership: WHO is its number.
    """
    from heartguard_cli import listing
    from heartguard_common.command_line.terminal import show_json
    from heartguard_common.messages import Organization

    api = invocation.operator_api()
    person = _person(api, who)
    if as_json:
        show_json(person)
        return
    organization = api.get(f"/organization/{person['org_id']}", Organization)
    values = {
        "id": str(person["id"]),
        "e-mail": person["email"],
        "name": person["full_name"] or "-",
        "role": person["role"],
        "organization": f"{organization['id']} {organization['name']}",
        "state": _state(person),
        "created": listing.moment(person["created_at"]),
        "open sessions": str(person["open_sessions"]),
        "last use": listing.moment(person.get("last_used_at")),
    }
    if until := person.get("login_locked_until"):
        values["login locked until"] = f"{listing.moment(until)} (too many failed logins; `users unlock` ends it)"
    listing.show_values(values)


@users.command(name="invite")
@click.argument("email")
@click.option("--organization", type=int, required=True, metavar="ID", help="The organization to join.")
@click.option("--role", type=click.Choice(ROLES), default="user", show_default=True, help="The role to join with.")
@as_json
@click.pass_obj
def _invite(invocation: Invocation, email: str, organization: int, role: str, *, as_json: bool) -> None:
    """Invite somebody into an organization.

    The code is printed, and sent by e-mail where SMTP_URL is set. Whoever has it registers with POST /auth/register, or
    accepts with POST /auth/invitations/accept.
    """
    from heartguard_cli import listing
    from heartguard_common.command_line.terminal import show_json

    path = f"/auth/organizations/{organization}/invitations"
    made = invocation.operator_api().post(path, {"email": email, "role": role})
    if as_json:
        show_json(made)
        return
    listing.show_values(
        {
            "invited": f"{made['email']} as {made['role']}",
            "code": made["code"],
            "valid until": listing.moment(made["expires_at"]),
        }
    )


@users.command(name="lock")
@click.argument("who")
@as_json
@click.pass_obj
def _lock(invocation: Invocation, who: str, *, as_json: bool) -> None:
    """Lock an account; all of its sessions end at once.

    Also the last admin of an organization can be locked. `users unlock` ends the lock.
    """
    api = invocation.operator_api()
    people = _people(api, who)
    ended = sum(api.post(f"{ACCOUNTS}/{person['id']}/lock")["sessions_ended"] for person in people)
    sentence = f"{people[0]['email']} is locked; open sessions ended: {ended}"
    _tell(people, sentence, as_json=as_json, sessions_ended=ended)


@users.command(name="unlock")
@click.argument("who")
@as_json
@click.pass_obj
def _unlock(invocation: Invocation, who: str, *, as_json: bool) -> None:
    """Unlock an account, and forget its failed logins."""
    api = invocation.operator_api()
    people = _people(api, who)
    for person in people:
        api.post(f"{ACCOUNTS}/{person['id']}/unlock")
    _tell(people, f"{people[0]['email']} can log in again; failed logins are forgotten", as_json=as_json)


@users.command(name="sessions")
@click.argument("who")
@as_json
@click.pass_obj
def _sessions(invocation: Invocation, who: str, *, as_json: bool) -> None:
    """List a person's open sessions, last used first.

    With several organizations, of one membership: WHO is its number.
    """
    from heartguard_cli import listing
    from heartguard_common.messages import SessionList

    api = invocation.operator_api()
    person = _person(api, who)
    found = api.get(f"{ACCOUNTS}/{person['id']}/sessions", SessionList)["items"]
    columns: listing.Columns = {
        "session": lambda it: it["id"],
        "logged in": lambda it: listing.moment(it["created_at"]),
        "last use": lambda it: listing.moment(it["last_used_at"]),
        "address": lambda it: it["address"],
        "device": lambda it: it["user_agent"],
    }
    listing.show(found, columns, as_json=as_json, nothing=f"{person['email']} has no open session")


@users.command(name="end-sessions")
@click.argument("who")
@as_json
@click.pass_obj
def _end_sessions(invocation: Invocation, who: str, *, as_json: bool) -> None:
    """End all sessions of a person, who may log in again."""
    api = invocation.operator_api()
    people = _people(api, who)
    ended = sum(api.delete(f"{ACCOUNTS}/{person['id']}/sessions")["sessions_ended"] for person in people)
    sentence = f"open sessions of {people[0]['email']} ended: {ended}"
    _tell(people, sentence, as_json=as_json, sessions_ended=ended)


def _tell(people: "list[AccountState]", sentence: str, *, as_json: bool, **more: int) -> None:
    """Say what was done to the memberships of a person, as a sentence or as JSON."""
    from heartguard_common.command_line.terminal import show_json

    numbers = [person["id"] for person in people]
    if as_json:
        show_json(
            {**({"id": numbers[0]} if len(numbers) == 1 else {"ids": numbers}), "email": people[0]["email"], **more}
        )
    elif len(people) == 1:
        click.echo(sentence)
    else:
        click.echo(f"{sentence} (in the organizations {', '.join(str(person['org_id']) for person in people)})")


def _people(api: "OperatorApi", who: str) -> "list[AccountState]":
    """All memberships of an address, or the one with that number. Raises `CommandError`."""
    from heartguard_cli.errors import CommandError
    from heartguard_common.messages import AccountState

    if who.isdecimal():
        return [api.get(f"{ACCOUNTS}/{who}", AccountState)]
    found = list(api.items(ACCOUNTS, {"email": who}))
    if not found:
        raise CommandError(f"nobody has the address {who}")
    return [api.get(f"{ACCOUNTS}/{person['id']}", AccountState) for person in found]


def _person(api: "OperatorApi", who: str) -> "AccountState":
    """The only membership with that number or address. Raises `CommandError`."""
    from heartguard_cli.errors import CommandError

    found = _people(api, who)
    if len(found) > 1:
        numbers = ", ".join(f"{person['id']} (organization {person['org_id']})" for person in found)
        raise CommandError(f"{who} is a member of several organizations, so give a number: {numbers}")
    return found[0]


def _state(person: "AccountState") -> str:
    if not person["active"]:
        return "locked"
    return "login locked" if "login_locked_until" in person else "active"

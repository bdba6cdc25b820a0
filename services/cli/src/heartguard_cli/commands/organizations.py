"""`organizations`: all organizations, and their limits."""

from typing import TYPE_CHECKING

import click

from heartguard_cli.commands.common_options import as_json
from heartguard_cli.commands.invocation import Invocation
from heartguard_common.command_line.running import HELP_OPTIONS

if TYPE_CHECKING:
    from heartguard_common.messages import OrganizationLimitDocument, OrganizationPlanDocument

SHOWN = 200
NEARLY = 0.8
"""The part of a limit from which `organizations show` names it."""


@click.group(name="organizations", context_settings=HELP_OPTIONS)
def organizations() -> None:
    """Show organizations, and set their plans, limits and modes.

    HeartGuard has to run. The exit code is 1 when the API refuses.
    """


@organizations.command(name="list")
@click.option("--search", metavar="TEXT", help="Whose name contains the text.")
@click.option("--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True, metavar="N", help="At most N.")
@as_json
@click.pass_obj
def _list(invocation: Invocation, search: str | None, limit: int, *, as_json: bool) -> None:
    """List organizations, by number."""
    from heartguard_cli import listing

    found = listing.some(invocation.operator_api(), "/organization/list", {"q": search}, limit)
    columns: listing.Columns = {
        "id": lambda it: str(it["id"]),
        "created": lambda it: listing.moment(it["created_at"]),
        "name": lambda it: it["name"],
    }
    listing.show(found, columns, as_json=as_json, nothing="there is no organization like that")


@organizations.command(name="show")
@click.argument("organization", type=int)
@as_json
@click.pass_obj
def _show(invocation: Invocation, organization: int, *, as_json: bool) -> None:
    """Show one organization and limits that are used up.

    Named are its admins, and the limits of which 80 percent or more are used.

    ORGANIZATION is its number.
    """
    from heartguard_cli import listing
    from heartguard_common.command_line.terminal import show_json
    from heartguard_common.messages import LimitList, Organization

    api = invocation.operator_api()
    found = api.get(f"/organization/{organization}", Organization)
    if as_json:
        show_json(found)
        return
    limits = api.get(f"/organization/{organization}/limits", LimitList)["items"]
    admins = api.items("/auth/accounts", {"org_id": organization, "role": "admin"}, 5)
    people = next((it for it in limits if it["name"] == "members"), None)
    values = {
        "id": str(found["id"]),
        "name": found["name"],
        "created": listing.moment(found["created_at"]),
        "mode": found.get("mode", "active"),
        "plan": _plan_text(found.get("plan")),
        "admins": ", ".join(it["email"] if it["active"] else f"{it['email']} (locked)" for it in admins) or "none",
        "people": "-" if people is None else f"{people.get('used', 0):,} of {people['value']:,}",
        "nearly used up": ", ".join(it["name"] for it in limits if _part(it) >= NEARLY) or "no limit",
    }
    listing.show_values(values)


@organizations.command(name="mode")
@click.argument("organization", type=int)
@click.argument("mode", type=click.Choice(["active", "read_only", "suspended", "demo"]))
@click.pass_obj
def _mode(invocation: Invocation, organization: int, mode: str) -> None:
    """Set what the members of an organization may do.

    ORGANIZATION is its number. MODE: active everything; read_only read, export and delete; suspended nothing; demo
    only read, as visitors. It counts within a second, and stays until it is set again.
    """
    invocation.operator_api().put(f"/organization/{organization}/mode", {"mode": mode})
    click.echo(f"organization {organization} is {mode}")


@organizations.command(name="plan")
@click.argument("organization", type=int)
@click.argument("name")
@click.option("--until", metavar="DATE", help="The last day (UTC) of the plan, or a time such as 2027-01-31T12:00:00Z.")
@click.option("--grace", type=click.IntRange(0, 36_500), metavar="DAYS", help="For how many days all works after that.")
@click.pass_obj
def _plan(invocation: Invocation, organization: int, name: str, until: str | None, grace: int | None) -> None:
    """Give an organization a plan, from now on.

    ORGANIZATION is its number, NAME a plan of PLANS_FILE, or `none`. The plan sets limits of the organization, except
    those that `organizations limits --set` has set. After its end and the days of grace the organization is read-only,
    until it gets another plan.
    """
    from heartguard_cli import listing

    document: dict[str, str | int | None] = {"plan": None if name == "none" else name}
    if until is not None:
        document["until"] = _end(until)
    if grace is not None:
        document["grace_days"] = grace
    found = invocation.operator_api().put(f"/organization/{organization}/plan", document)
    listing.show_values({"mode": found["mode"], "plan": _plan_text(found.get("plan"))})


@organizations.command(name="limits")
@click.argument("organization", type=int)
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Set a limit; `default` as VALUE restores it."
)
@as_json
@click.pass_obj
def _limits(invocation: Invocation, organization: int, settings: tuple[str, ...], *, as_json: bool) -> None:
    """Show limits of an organization with their use.

    ORGANIZATION is its number. With --set, those limits get other values first.
    """
    from heartguard_cli import listing
    from heartguard_common.messages import LimitList

    api, path = invocation.operator_api(), f"/organization/{organization}/limits"
    if settings:
        api.put(path, {"limits": [_setting(it) for it in settings]})
    columns: listing.Columns = {
        "limit": lambda it: it["name"],
        "used": lambda it: f"{it['used']:,}" if "used" in it else "-",
        "value": lambda it: f"{it['value']:,}",
        "part": lambda it: f"{_part(it):.0%}" if "used" in it else "-",
        "default": lambda it: "" if it["value"] == it["default"] else f"{it['default']:,}",
        "unit": lambda it: f"{it['unit']} a day" if it["daily"] else it["unit"],
    }
    found = api.get(path, LimitList)["items"]
    listing.show(found, columns, as_json=as_json, nothing="there are no limits")


def _end(text: str) -> str:
    """The end of a plan as RFC 3339: a time as it is, or the end of a day. Raises `click.UsageError`."""
    from datetime import UTC, date, datetime, timedelta

    if "T" in text:
        return text
    try:
        end = date.fromisoformat(text) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise click.UsageError(f"--until takes a day such as 2027-01-31, and not {text}") from None
    return datetime(end.year, end.month, end.day, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plan_text(plan: "OrganizationPlanDocument | None") -> str:
    """A plan as one line."""
    from heartguard_cli import listing

    if plan is None:
        return "none"
    if "until" not in plan or "read_only_from" not in plan:
        return f"{plan['name']}, without an end"
    until, read_only = listing.moment(plan["until"]), listing.moment(plan["read_only_from"])
    return f"{plan['name']} ({plan['stage']}), until {until}, read-only from {read_only}"


def _setting(text: str) -> dict[str, str | int | None]:
    """A limit to set. Raises `click.UsageError`."""
    name, mark, value = text.partition("=")
    if not name or not mark or not (value.isdecimal() or value == "default"):
        raise click.UsageError(f"--set takes NAME=NUMBER or NAME=default, and not {text}")
    return {"name": name, "value": None if value == "default" else int(value)}


def _part(limit: "OrganizationLimitDocument") -> float:
    """How much of a limit is used, from 0 to 1; 0 where that is not counted."""
    used = limit.get("used", 0)
    return used / limit["value"] if limit["value"] else float(used > 0)

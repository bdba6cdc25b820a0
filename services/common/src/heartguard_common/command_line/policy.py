"""`heartguard policy`: services/gateway/policy.toml. `heartguard_gateway.explain` carries it out."""

from dataclasses import dataclass
from typing import Literal, Protocol

import click

from heartguard_common.command_line.running import HELP_OPTIONS
from heartguard_common.core.registry import SERVICES
from heartguard_common.identity.policy import ROLES, SERVICE
from heartguard_common.messages import Role

PEOPLE = tuple(role for role in ROLES if role != SERVICE)


@dataclass(frozen=True)
class Request:
    """A request, and by whom: at most one of `token`, `role` and `service` is given; nobody without them.

    `inner` says that it comes from loopback or a private address, with no proxy between.
    """

    method: str
    path: str
    token: str | None
    role: Role | Literal["operator"] | None
    service: str | None
    inner: bool


class PolicyCommands(Protocol):
    """What carries the commands out; each returns the exit code."""

    def check(self) -> int:
        """Say what is wrong with the file."""

    def explain(self, request: Request) -> int:
        """Say which rule decides a request, and why."""


class _ByOneCaller(click.Command):
    """A command with at most one of `--token`, `--as` and `--service`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; raises UsageError where several are given."""
        left = super().parse_args(ctx, args)
        if sum(ctx.params[name] is not None for name in ("token", "role", "service")) > 1:
            raise click.UsageError("--token, --as and --service exclude one another: give one of them.", ctx)
        return left


@click.group(name="policy", context_settings=HELP_OPTIONS)
def policy() -> None:
    """Check the policy, or explain how it decides a request."""


@policy.command(name="check")
@click.pass_obj
def _check(commands: PolicyCommands) -> int:
    """Say what is wrong with services/gateway/policy.toml."""
    return commands.check()


@policy.command(name="explain", cls=_ByOneCaller)
@click.argument("method")
@click.argument("path")
@click.option("--token", help="The caller's access token, or - to read it from standard input.")
@click.option("--as", "role", type=click.Choice(PEOPLE), help="Some caller of this role.")
@click.option("--service", type=click.Choice(tuple(SERVICES)), help="A service that calls the route's owner directly.")
@click.option("--inner", is_flag=True, help="From loopback or a private address, no proxy between.")
@click.pass_obj
def _explain(
    commands: PolicyCommands,
    method: str,
    path: str,
    token: str | None,
    role: Role | Literal["operator"] | None,
    service: str | None,
    *,
    inner: bool,
) -> int:
    """Say which rule decides a request, and why.

    METHOD and PATH are those of the request, such as GET /users/12. The exit code is 1 when the request is refused.
    """
    return commands.explain(Request(method.upper(), path, token, role, service, inner))

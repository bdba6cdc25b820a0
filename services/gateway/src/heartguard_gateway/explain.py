"""`heartguard policy check | explain`: whether policy.toml can be obeyed, and which of its rules decides a request."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from heartguard_common.core.clock import SystemClock
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.paths import POLICY_FILE
from heartguard_common.core.registry import SERVICES
from heartguard_common.core.settings import Rate, SettingsError
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.policy import (
    ANYONE,
    INNER,
    ROLES,
    SERVICE,
    UNLIMITED,
    Policy,
    PolicyError,
    RouteRule,
    authorize,
)
from heartguard_common.identity.policy import load as load_policy
from heartguard_common.identity.revocation import Verdict
from heartguard_common.identity.revocation_check import introspect
from heartguard_common.messages import Role
from heartguard_common.stores.service_client import ServiceClient
from heartguard_gateway.domain import join_path, split_path
from heartguard_gateway.errors import BAD_TARGET
from heartguard_gateway.route_matching import Matcher, compile_limits
from heartguard_gateway.settings import Settings
from heartguard_gateway.wiring import NAME, make_authenticator, make_keys

FROM_INPUT = "-"
SCOPES = {
    "any": "nothing of a single person or organization is behind it",
    "own": "what belongs to the caller's organization; all else is 404",
    "self": "what belongs to the caller; the service refuses all else",
}


class RefusedError(Exception):
    """The request does not pass; the text says with which answer, and why."""


def main(arguments: Sequence[str] | None = None, file: Path = POLICY_FILE) -> int:
    """Run one command on a policy; 0 when it is good, or lets the request pass, else 1."""
    options = _parser().parse_args(arguments)
    try:
        policy = load_policy(file)
    except PolicyError as error:
        print(f"services/gateway/policy.toml: {error}", file=sys.stderr)
        return 1
    if options.command == "check":
        print(f"services/gateway/policy.toml: {len(policy.rules)} routes, {len(policy.classes)} classes, no problems")
        return 0
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        print(f"heartguard: {error}", file=sys.stderr)
        return 1
    passes = True
    _say("request", f"{options.method} {options.path}")
    try:
        rule = find_rule(policy, options.method, options.path)
        for what, text in describe(rule, policy, settings.rate_limit):
            _say(what, text)
        caller = None if rule.credentials == "ignored" else _caller(options, settings)
        _say("caller", _name(caller, inner=options.inner))
        _say("decision", "passes: " + decide(rule, caller, inner=options.inner))
    except RefusedError as refusal:
        _say("decision", str(refusal))
        passes = False
    return 0 if passes else 1


def find_rule(policy: Policy, method: str, target: str) -> RouteRule:
    """The rule that decides a request, found as the gateway finds it. Raises `RefusedError` where there is none."""
    try:
        segments = split_path(target.partition("?")[0])
    except ValueError as error:
        raise RefusedError(
            f"400 {BAD_TARGET.code}: the path {error}, so two readers could see two paths in it"
        ) from error
    match = Matcher(policy).find(segments)
    if match is None:
        raise RefusedError(f"404 GEN_404: no rule knows {join_path(segments)}, and without a rule there is no passage")
    if method not in match.rules:
        raise RefusedError(f"405 GEN_405: this path has rules for {match.allow} only")
    return match.rules[method]


def describe(rule: RouteRule, policy: Policy, rate: Rate) -> Iterator[tuple[str, str]]:
    """What a rule says, as pairs of a word and a text."""
    yield "rule", f"{rule.id} ({rule.method} {rule.path})"
    yield "leads to", "the gateway itself" if rule.upstream == NAME else f"the service {rule.upstream}"
    yield "who", _who(rule)
    limits = compile_limits(policy, rate.count, rate.seconds)
    names = [name for name in dict.fromkeys(("address", rule.limit)) if rule.limit != UNLIMITED]
    yield "limits", ", ".join(f"{name}: {limits[name].capacity} in {rate.seconds} s" for name in names) or "none"
    yield "audited", "yes" if rule.audited else "no"


def _who(rule: RouteRule) -> str:
    if isinstance(rule.who, str):
        return "the operator, or anyone on the inner network" if rule.who == INNER else rule.who
    roles = [f"{role}: {scope}" for role, scope in rule.who.items() if role != SERVICE]
    if rule.services:
        roles.append(f"services, at the own port of {rule.upstream}: {', '.join(sorted(rule.services))}")
    return ", ".join(roles)


def decide(rule: RouteRule, caller: Principal | None, *, inner: bool) -> str:
    """Why a rule lets a caller pass. Raises `RefusedError` where it does not."""
    try:
        authorize(rule, caller, inner=inner)
    except ServiceError as error:
        raise _refusal(error) from error
    if isinstance(rule.who, str) or caller is None:
        return "the rule is open to anyone" if rule.who == ANYONE else "the rule opens to the place it is asked from"
    if caller.role == SERVICE:
        return f"the rule names {caller.name}, at the own port of {rule.upstream}; the gateway refuses it (GW_020)"
    scope = rule.who[caller.role]
    return f"the rule gives {caller.role} the scope {scope}: {SCOPES[scope]}"


def _caller(options: argparse.Namespace, settings: Settings) -> Principal | None:
    """The caller. Raises `RefusedError` for an invalid token."""
    if options.service:
        return Principal("service", "service", name=options.service)
    if options.role:
        role: Role | Literal["operator"] = options.role  # argparse lets no other pass
        return Principal("operator" if role == "operator" else "person", role)
    if not options.token:
        return None
    credential = sys.stdin.readline().strip() if options.token == FROM_INPUT else options.token
    auth, clock = ServiceClient(settings.auth_url, NAME, settings.service_secret), SystemClock()
    try:
        caller = make_authenticator(settings, make_keys(settings, auth, clock), clock).identify(f"Bearer {credential}")
        person = caller is not None and caller.kind == "person"
        if person and introspect(auth, credential) is Verdict.REVOKED:
            raise RefusedError("401 GEN_401_TOKEN: the token is revoked")
    except ServiceError as error:
        raise _refusal(error) from error
    return caller


def _refusal(error: ServiceError) -> RefusedError:
    return RefusedError(f"{error.error_code.status} {error}")


def _name(caller: Principal | None, *, inner: bool) -> str:
    place = ", on the inner network" if inner else ""
    if caller is None:
        return f"nobody: no credentials{place}"
    if caller.role == SERVICE:
        return f"the service {caller.name}{place}"
    if caller.user_id is None:
        return f"somebody with the role {caller.role}{place}"
    return f"user {caller.user_id} of organization {caller.org_id}, {caller.role}{place}"


def _say(what: str, text: str) -> None:
    print(f"  {what:<9} {text}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="heartguard policy", description="Look at services/gateway/policy.toml.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="say what is wrong with the file")
    asked = commands.add_parser("explain", help="say which rule decides a request, and why")
    asked.add_argument("method", type=str.upper)
    asked.add_argument("path", help="as it would be sent, such as /users/12")
    who = asked.add_mutually_exclusive_group()
    who.add_argument("--token", help="the caller's access token, or - to read it from standard input")
    roles = [role for role in ROLES if role != SERVICE]
    who.add_argument("--as", dest="role", choices=roles, help="some caller of this role")
    who.add_argument("--service", choices=SERVICES, help="a service that calls the owner of the route directly")
    asked.add_argument("--inner", action="store_true", help="from loopback or a private address, no proxy between")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""`heartguard policy check | explain`: whether policy.toml can be obeyed, and which of its rules decides a request."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from heartguard_common.command_line import policy as commands
from heartguard_common.command_line.policy import Request
from heartguard_common.command_line.running import run
from heartguard_common.core.clock import SystemClock
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.lifecycle import Lifecycle
from heartguard_common.core.paths import POLICY_FILE
from heartguard_common.core.settings import Rate, SettingsError
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.policy import (
    ANYONE,
    INNER,
    SERVICE,
    UNLIMITED,
    Policy,
    PolicyError,
    RouteRule,
    authorize,
)
from heartguard_common.identity.policy import load as load_policy
from heartguard_gateway.domain import join_path, split_path
from heartguard_gateway.errors import BAD_TARGET
from heartguard_gateway.route_matching import Matcher, compile_limits
from heartguard_gateway.settings import NAME, Settings

FROM_INPUT = "-"
SCOPES = {
    "any": "nothing of a single person or organization is behind it",
    "own": "what belongs to the caller's organization; all else is 404",
    "self": "what belongs to the caller; the service refuses all else",
}


class RefusedError(Exception):
    """The request does not pass; the text says with which answer, and why."""


def main(arguments: Sequence[str] | None = None, file: Path = POLICY_FILE) -> int:
    """Run one command on a policy; 0 when it is good, or lets the request pass, else 1, and 2 for wrong words."""
    words = sys.argv[1:] if arguments is None else arguments
    return run(commands.policy, words, "python -m heartguard_gateway.explain", Commands(file))


class Commands:
    """`check` and `explain` on a policy file; each returns the exit code."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def check(self) -> int:
        """Say what is wrong with the file."""
        policy = self._load()
        if policy is None:
            return 1
        print(f"services/gateway/policy.toml: {len(policy.rules)} routes, {len(policy.classes)} classes, no problems")
        return 0

    def explain(self, request: Request) -> int:
        """Say which rule decides a request, and why."""
        policy = self._load()
        if policy is None:
            return 1
        try:
            settings = Settings.from_env()
        except SettingsError as error:
            print(f"heartguard: {error}", file=sys.stderr)
            return 1
        _say("request", f"{request.method} {request.path}")
        try:
            rule = find_rule(policy, request.method, request.path)
            for what, text in describe(rule, policy, settings.rate_limit):
                _say(what, text)
            caller = None if rule.credentials == "ignored" else _caller(request, settings)
            _say("caller", _name(caller, inner=request.inner))
            _say("decision", "passes: " + decide(rule, caller, inner=request.inner))
        except RefusedError as refusal:
            _say("decision", str(refusal))
            return 1
        return 0

    def _load(self) -> Policy | None:
        try:
            return load_policy(self._file)
        except PolicyError as error:
            print(f"services/gateway/policy.toml: {error}", file=sys.stderr)
            return None


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


def _caller(request: Request, settings: Settings) -> Principal | None:
    """The caller. Raises `RefusedError` for an invalid token."""
    if request.service:
        return Principal("service", "service", name=request.service)
    if request.role:
        return Principal("operator" if request.role == "operator" else "person", request.role)
    if not request.token:
        return None
    return _caller_by_token(request.token, settings)


def _caller_by_token(token: str, settings: Settings) -> Principal | None:
    # loaded here: they take half a second, and only a token needs them
    from heartguard_common.identity.api_key_cache import ApiKeyCache, introspection_by  # noqa: PLC0415
    from heartguard_common.identity.authentication import KEY_SET_PATH, open_key_source  # noqa: PLC0415
    from heartguard_common.identity.revocation import Verdict  # noqa: PLC0415
    from heartguard_common.identity.revocation_check import introspect  # noqa: PLC0415
    from heartguard_common.messages import JwkSet  # noqa: PLC0415
    from heartguard_common.stores.service_client import ServiceClient  # noqa: PLC0415
    from heartguard_gateway.wiring import make_authenticator  # noqa: PLC0415

    credential = sys.stdin.readline().strip() if token == FROM_INPUT else token
    auth, clock = ServiceClient(settings.auth_url, NAME, settings.service_secret), SystemClock()
    keys = open_key_source(settings, lambda: auth.get(KEY_SET_PATH, JwkSet), clock, Lifecycle())
    try:
        api_keys = ApiKeyCache(introspection_by(auth), clock)
        caller = make_authenticator(settings, keys, clock, api_keys).identify(f"Bearer {credential}")
        person = caller is not None and caller.kind == "person" and caller.api_key is None
        if caller is not None and person:
            state = introspect(auth, credential)
            if state.verdict is Verdict.REVOKED:
                raise RefusedError("401 GEN_401_TOKEN: the token is revoked")
            caller = caller.in_mode(state.mode)
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


if __name__ == "__main__":
    sys.exit(main())

"""Who may do what: reads `policy.toml` into frozen rules, and `authorize` decides one request by one rule.

The gateway and every service apply the same rule, so that calling a service directly gives no additional rights.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from heartguard_common.contract.error_documents import DIALECTS
from heartguard_common.core.errors import FORBIDDEN, UNAUTHENTICATED, ServiceError
from heartguard_common.core.paths import POLICY_FILE
from heartguard_common.core.registry import SERVICES
from heartguard_common.identity import deprecation, key_scopes, modes, rule_conflicts
from heartguard_common.identity.deprecation import Deprecation

if TYPE_CHECKING:
    # Gunicorn's master checks the policy too, before a gevent worker has patched what identity imports.
    from heartguard_common.identity.authentication import Principal

ANYONE = "anyone"
INNER = "inner"
SERVICE = "service"
ROLES = ("admin", "manager", "user", "operator", SERVICE)
SCOPES = ("any", "own", "self")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
UNLIMITED = "none"
KINDS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "integer": re.compile(r"[1-9][0-9]{0,17}", re.ASCII),
        "uuid": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII),
        "text": re.compile(r"[^/]{1,255}", re.DOTALL),
    }
)

STREAM = "stream"
ANNOUNCED = "announced"
VERSION = ("api", "v1")  # the first segments of a path's alias, /api/v1/users/me for /users/me
_KIB = 1024
_TOP_KEYS = frozenset({"classes", "bodies", "parameters", "scopes", "route"})
_REQUIRED = ("id", "method", "path", "upstream", "who", "limit", "audited")
_ROUTE_KEYS = (
    frozenset((*_REQUIRED, "credentials", "keys", "modes", "body", "answer", "errors", "versioned")) | deprecation.KEYS
)
DOCS_PAGE = "/docs"
ROOT = "/"
_ID = re.compile(r"[a-z]+\.[a-z_]+", re.ASCII)
_HARMLESS = re.compile(r"org_[0-9]{1,10}(_[A-Za-z0-9_.-]{1,100})?|[a-z_]{1,40}\.(schema\.json|xsd)", re.ASCII)
_SEGMENT = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]+|\{[a-z_]+\}", re.ASCII)


class PolicyError(Exception):
    """The policy file is not valid; the text lists each problem with its rule."""


@dataclass(frozen=True)
class Segment:
    """One segment of a path: fixed text, or a named parameter whose `kind` is one of `KINDS`."""

    text: str
    kind: str | None = None

    def matches(self, value: str) -> bool:
        """Whether a decoded path segment matches."""
        return value == self.text if self.kind is None else KINDS[self.kind].fullmatch(value) is not None


@dataclass(frozen=True)
class RouteRule:
    """One endpoint: its name, path and service, who may call it, how often, and whether calls are audited.

    `who` is `"anyone"`, `"inner"` or a map from role to scope. `services` names the services that the role `service`
    stands for here. `limit` is a class of `Policy.classes` or `"none"`.
    `max_body` is the limit in bytes of a request's body, both as sent and decompressed; None for a stream of media.
    `announced` says that the stream may be as large as the file of an import.
    `long_answer` says that an answer may be as long as a file. `errors` names the dialect of the route's errors, which
    is independent of `Accept`; None for the contract's. `versioned` says that the path exists under `/api/v1` too.
    `keys` are the kinds of API keys that may call it, `scopes` its id and the names of the groups that it belongs to,
    `modes` the modes of an organization, besides active, in which its members may use it.
    """

    id: str
    method: str
    path: str
    upstream: str
    who: str | Mapping[str, str]
    limit: str
    audited: bool
    credentials: str
    segments: tuple[Segment, ...]
    max_body: int | None
    long_answer: bool
    services: frozenset[str] = frozenset()
    errors: str | None = None
    versioned: bool = True
    deprecation: Deprecation | None = None
    keys: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    modes: frozenset[str] = frozenset()
    announced: bool = False

    def scope(self, role: str) -> str | None:
        """The scope of a role on this route; None where the role may not call it, and on routes without roles."""
        return None if isinstance(self.who, str) else self.who.get(role)

    @cached_property
    def free_text(self) -> bool:
        """Whether a part of the path is free text of the caller, which no log may show."""
        return any(part.kind == "text" for part in self.segments)

    @cached_property
    def notices(self) -> tuple[tuple[str, str], ...]:
        """The headers of every answer of a deprecated route; none for others."""
        return self.deprecation.headers(f"{DOCS_PAGE}#{self.id}") if self.deprecation else ()

    @property
    def methods(self) -> tuple[str, ...]:
        """The HTTP methods the rule answers: GET includes HEAD (RFC 9110 section 9.3.2)."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)


@dataclass(frozen=True)
class Policy:
    """`policy.toml`: rules in the order of the file, limit classes as multiples of RATE_LIMIT, body limits in bytes.

    `scopes` are the groups of rules that integration keys can be given.
    """

    rules: tuple[RouteRule, ...]
    classes: Mapping[str, float]
    bodies: Mapping[str, int]
    scopes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def rule(self, method: str, path: str) -> RouteRule | None:
        """The rule of a route as a service's table names it, for example `("GET", "/users/{user_id}")`."""
        return next((rule for rule in self.rules if rule.path == path and method in rule.methods), None)

    def of(self, upstream: str) -> tuple[RouteRule, ...]:
        """The rules that one service answers."""
        return tuple(rule for rule in self.rules if rule.upstream == upstream)

    def redact(self, path: str) -> str:
        """A path for logs, with `*` for each segment that is not a fixed part of a route or a harmless value."""
        return "/".join(
            part if part in self._words else redact(part) for part in unquote(path, errors="replace").split("/")
        )

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(
            {"", *VERSION, *(part.text for rule in self.rules for part in rule.segments if part.kind is None)}
        )

    def permissions(self, role: str) -> tuple[str, ...]:
        """The ids of the rules that a role may use, sorted; rules open to anyone are nobody's permission."""
        return tuple(sorted(rule.id for rule in self.rules if rule.scope(role) is not None))


def redact(text: str) -> str:
    """The text, if it is an id, a bucket's name or a file name of the contract; otherwise `*`."""
    return (
        text if _HARMLESS.fullmatch(text) or any(KINDS[kind].fullmatch(text) for kind in ("integer", "uuid")) else "*"
    )


def authorize(rule: RouteRule, principal: "Principal | None", *, inner: bool = False) -> None:
    """Let the caller pass or refuse by the rule alone; rules about single objects belong to the use cases.

    Whether an object is another organization's (404) or only another person's (403, 404) is known where it is
    kept. `inner` says that the peer is on the inner network and no proxy stands between. Raises GEN_401 for a caller
    without credentials, GEN_403 for one without right, and what `modes.require_open` raises.
    """
    _require_right(rule, principal, inner=inner)
    if principal is not None:
        modes.require_open(rule.modes, principal.mode, by_key=bool(principal.api_key))


def _require_right(rule: RouteRule, principal: "Principal | None", *, inner: bool) -> None:
    if principal is not None and principal.api_key is not None:
        # Before all else: a route for anyone may use the credentials that it gets.
        key_scopes.require_reachable(rule, principal.api_key, rule.scope(principal.role))
    if rule.who == ANYONE or (rule.who == INNER and inner):
        return
    if principal is None:
        raise ServiceError(UNAUTHENTICATED)
    scope = principal.role == "operator" if rule.who == INNER else rule.scope(principal.role)
    if not scope or (principal.role == SERVICE and principal.name not in rule.services):
        raise ServiceError(FORBIDDEN)


class _Kept:
    """The policy that `load` returns without reading the file: the last valid one of this process or its parent."""

    policy: Policy | None = None


def keep() -> None:
    """Read the policy file for this process and the processes that it forks; a further call reads it again.

    Raises `PolicyError`, also where routes were added, moved or removed since the first call, because routes change
    with the code and need a restart. After an error the previous policy stays.
    """
    new, old = _read(POLICY_FILE), _Kept.policy
    if old is not None:
        moved = {_place(rule) for rule in new.rules} ^ {_place(rule) for rule in old.rules}
        if moved:
            names = ", ".join(sorted({place[0] for place in moved}))
            raise PolicyError(f"only a restart can add, move or remove routes: {names}")
    _Kept.policy = new


def _place(rule: RouteRule) -> tuple[Any, ...]:
    return rule.id, rule.method, rule.segments, rule.upstream


def load(path: Path = POLICY_FILE) -> Policy:
    """The policy that `keep` has read, otherwise that of the file. Raises `PolicyError` with every problem found."""
    kept = _Kept.policy
    return kept if kept is not None and path == POLICY_FILE else _read(path)


def _read(path: Path) -> Policy:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(f"{path.name} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path.name} is not UTF-8") from error
    except RecursionError as error:
        raise PolicyError(f"{path.name} is nested too deep") from error
    except (TypeError, ValueError, AttributeError) as error:
        # A value of a wrong type, such as a list instead of a text; the exception's text is good enough.
        raise PolicyError(f"{path.name} has a value of a wrong kind: {error}") from error


@lru_cache(maxsize=2)
def parse(text: str) -> Policy:
    """Read and check the text of a policy; cached. Raises `PolicyError` with every problem found."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"the policy is not TOML: {error}") from error
    problems = [f"unknown table {name}" for name in sorted(table.keys() - _TOP_KEYS)]
    classes, bodies, kinds, routes = (
        table.get(name, empty) for name, empty in (("classes", {}), ("bodies", {}), ("parameters", {}), ("route", []))
    )
    problems += _table_problems(classes, kinds)
    problems += _body_problems(bodies)
    if problems:
        raise PolicyError("the policy has problems:\n  " + "\n  ".join(problems))
    rules = []
    for place, entry in enumerate(routes, start=1):
        found = [
            f"route {place} ({entry.get('id', 'no id')}): {problem}"
            for problem in _problems(entry, classes, bodies, kinds)
        ]
        problems += found
        if not found:
            rules.append(_rule(entry, bodies, kinds))
    problems += rule_conflicts.problems(rules)
    groups = table.get("scopes", {})
    problems += key_scopes.problems(groups, {rule.id: rule.keys for rule in rules})
    if problems:
        raise PolicyError("the policy has problems:\n  " + "\n  ".join(problems))
    limits = MappingProxyType({name: value * _KIB for name, value in bodies.items()})
    return Policy(
        tuple(replace(rule, scopes=key_scopes.of(rule.id, rule.keys, groups)) for rule in rules),
        MappingProxyType({name: float(value) for name, value in classes.items()}),
        limits,
        MappingProxyType({name: tuple(ids) for name, ids in groups.items()}),
    )


def _table_problems(classes: Any, kinds: Any) -> Iterator[str]:
    yield from (f"classes: {name} is missing" for name in ("default", "address") if name not in classes)
    for name, value in classes.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1000:
            yield f"classes: {name} must be a number over 0, at most 1000"
    if UNLIMITED in classes:
        yield f"classes: {UNLIMITED} is a reserved name"
    bad = (name for name, kind in kinds.items() if kind not in KINDS)
    yield from (f"parameters: {name} must be one of {', '.join(KINDS)}" for name in bad)


def _body_problems(bodies: Any) -> Iterator[str]:
    yield from (f"bodies: {name} is missing" for name in ("none", "document") if name not in bodies)
    for name, value in bodies.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 65_536:
            yield f"bodies: {name} must be KiB, 1 to 65536"
    yield from (f"bodies: {name} is a reserved name" for name in (STREAM, ANNOUNCED) if name in bodies)


def _problems(
    entry: Mapping[str, object], classes: Mapping[str, object], bodies: Mapping[str, object], kinds: Mapping[str, str]
) -> Iterator[str]:
    yield from (f"unknown key {name}" for name in sorted(entry.keys() - _ROUTE_KEYS))
    missing = [name for name in _REQUIRED if name not in entry]
    if missing:
        yield "missing " + ", ".join(missing)
        return
    if not isinstance(entry["id"], str) or not _ID.fullmatch(entry["id"]):
        yield "id must look like user.read_self"
    if entry["method"] not in METHODS:
        yield f"method must be one of {', '.join(METHODS)}"
    if entry["upstream"] not in SERVICES:
        yield f"upstream must be one of {', '.join(SERVICES)}"
    if entry["limit"] != UNLIMITED and entry["limit"] not in classes:
        yield "limit names no class"
    if entry.get("body", STREAM) not in (STREAM, ANNOUNCED, *bodies):
        yield "body names no class"
    yield from (
        f"{name} must be true or false"
        for name in ("audited", "versioned")
        if not isinstance(entry.get(name, True), bool)
    )
    yield from _answer_problems(entry)
    yield from _path_problems(entry["path"], kinds)
    yield from _who_problems(entry["who"], entry.get("credentials"))


def _answer_problems(entry: Mapping[str, object]) -> Iterator[str]:
    if entry.get("answer", STREAM) != STREAM:
        yield f"answer can only be {STREAM}"
    if entry.get("errors", DIALECTS[0]) not in DIALECTS:
        yield f"errors must be one of {', '.join(DIALECTS)}"
    for part in (deprecation.problems, key_scopes.kind_problems, modes.problems):
        yield from part(entry)


def _path_problems(path: object, kinds: Mapping[str, str]) -> Iterator[str]:
    if not isinstance(path, str) or not path.startswith("/"):
        yield "path must begin with a slash"
        return
    if path[1:].split("/")[: len(VERSION)] == list(VERSION):
        yield "path must not begin with /api/v1, under which every versioned path exists anyway"
    for piece in path[1:].split("/") if path != ROOT else ():
        if not _SEGMENT.fullmatch(piece):
            yield "path must consist of plain segments and {parameters}"
        elif piece.startswith("{") and piece[1:-1] not in kinds:
            yield f"path: {piece} is not in the table parameters"


def _who_problems(who: object, credentials: object) -> Iterator[str]:
    if credentials not in (None, "optional") or (credentials and who != ANYONE):
        yield 'credentials can only be "optional", and only where who is "anyone"'
    if who in (ANYONE, INNER):
        return
    if not isinstance(who, dict) or not who:
        yield 'who must be "anyone", "inner" or a table of roles'
        return
    for role, scope in who.items():
        if role == SERVICE:
            yield from _service_problems(scope)
        elif role not in ROLES or scope not in SCOPES:
            yield f"who: {role} must be a role with the scope {' or '.join(SCOPES)}"
        elif role == "operator" and scope != "any":
            yield f"who: {role} belongs to no organization, so its scope can only be any"


def _service_problems(names: object) -> Iterator[str]:
    if not isinstance(names, list) or not names or len(set(names)) != len(names) or not set(names) <= set(SERVICES):
        yield f"who: service must be a list of different services, each one of {', '.join(SERVICES)}"


def _rule(entry: Mapping[str, Any], bodies: Mapping[str, int], kinds: Mapping[str, str]) -> RouteRule:
    who = entry["who"]
    services: frozenset[str] = frozenset()
    if not isinstance(who, str):
        services = frozenset(who.get(SERVICE, ()))
        who = MappingProxyType({role: "any" if role == SERVICE else scope for role, scope in who.items()})
    body = entry.get("body", "none" if entry["method"] in ("GET", "DELETE") else "document")
    pieces = entry["path"][1:].split("/")
    return RouteRule(
        id=entry["id"],
        method=entry["method"],
        path=entry["path"],
        upstream=entry["upstream"],
        who=who,
        limit=entry["limit"],
        audited=entry["audited"],
        credentials=entry.get("credentials", "ignored" if who == ANYONE else "required"),
        segments=tuple(
            Segment(piece[1:-1], kinds[piece[1:-1]]) if piece.startswith("{") else Segment(piece) for piece in pieces
        ),
        services=services,
        max_body=None if body in (STREAM, ANNOUNCED) else bodies[body] * _KIB,
        announced=body == ANNOUNCED,
        long_answer="answer" in entry,
        errors=entry.get("errors"),
        versioned=entry.get("versioned", True),
        deprecation=deprecation.read(entry),
        keys=frozenset(entry.get("keys", ())),
        modes=modes.read(entry),
    )

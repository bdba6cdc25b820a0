"""The tables of the documents that say which services and endpoints there are, in Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.core.registry import REGISTRY, Service
from heartguard_common.http.routing import ANY_TYPE, AnyRoute
from heartguard_common.identity.policy import ANYONE, INNER, SERVICE, RouteRule
from schemas.builder.operation_text import summary

Schema = Mapping[str, Any]

_PEOPLE = ("admin", "manager", "user")
_SCOPES = {"any": "", "own": " (own organization)", "self": " (themselves)"}


def endpoints(service: Service, joined: Sequence[tuple[RouteRule, AnyRoute]], definitions: Mapping[str, Schema]) -> str:
    """Where a service answers, and each of its routes: who may, what for, what it takes and gives, its own errors."""
    rows = [_row(rule, route, definitions) for rule, route in joined if rule.upstream == service.name]
    place = f"Port {service.port}, paths `{service.prefix}/*`"
    return "\n".join(
        [
            "",
            f"{place}; `{service.prefix}/ready` names {', '.join(service.depends)}.",
            "",
            "| method and path | who | what | takes | gives | errors of its own |",
            "|---|---|---|---|---|---|",
            *rows,
            "\n",
        ]
    )


def _row(rule: RouteRule, route: AnyRoute, definitions: Mapping[str, Schema]) -> str:
    errors = ", ".join(sorted(entry.code for entry in route.raises))
    cells = (
        f"{rule.method} {rule.path}",
        _who(rule),
        summary(route),
        _takes(route, definitions),
        _gives(route),
        errors,
    )
    return _cells(cells)


def services() -> str:
    """Each service, what it is for as the first sentence of its README has it, and where it answers."""
    rows = [
        (f"[{name}](services/{name}/README.md)", _purpose(name), str(service.port), f"`{service.prefix}/*`")
        for name, service in REGISTRY.services.items()
    ]
    return "\n".join(["", "| service | what | port | paths |", "|---|---|---|---|", *map(_cells, rows), "\n"])


def processes() -> str:
    """Each program that runs: what starts it, how many processes and threads, and what it needs."""
    rows = [
        (name, f"gunicorn, `{it.package}`", str(it.port), str(it.workers), _threads(it), ", ".join(it.depends))
        for name, it in REGISTRY.services.items()
    ]
    rows += [(name, f"`python -m {it.module}`", "", "1", "", "") for name, it in REGISTRY.programs.items()]
    heads = ["", "| program | started as | port | workers | threads of each | needs |", "|---|---|---|---|---|---|"]
    return "\n".join([*heads, *map(_cells, rows), "\n"])


def _threads(service: Service) -> str:
    return str(service.threads) if service.threads else "greenlets"


def _purpose(name: str) -> str:
    """The first sentence of a service's README."""
    text = (REPO_ROOT / "services" / name / "README.md").read_text(encoding="utf-8")
    return text.partition("\n")[2].strip().partition("\n\n")[0].replace("\n", " ").partition(". ")[0].rstrip(".") + "."


def _who(rule: RouteRule) -> str:
    if isinstance(rule.who, str):
        known = {ANYONE: "anyone", INNER: "operator, inner network"}[rule.who]
        return known + (", also with a token" if rule.credentials == "optional" else "")
    return "; ".join(_callers(rule, dict(rule.who)))


def _callers(rule: RouteRule, who: Mapping[str, str]) -> Iterator[str]:
    people = [(role, who[role]) for role in _PEOPLE if role in who]
    for scope, group in groupby(people, key=lambda pair: pair[1]):
        roles = [role for role, _ in group]
        yield ("any role" if roles == list(_PEOPLE) else ", ".join(roles)) + _SCOPES[scope]
    if "operator" in who:
        yield "operator"
    if SERVICE in who:
        yield f"directly: {', '.join(sorted(rule.services))}"


def _takes(route: AnyRoute, definitions: Mapping[str, Schema]) -> str:
    found = [] if route.takes is None else [f"`{route.takes}`" + (", if sent" if route.body == "optional" else "")]
    if route.body == "stream":
        found.append("bytes")
    if route.query is not None:
        names = definitions[route.query]["properties"]
        found.append("`?" + "&".join(names) + "`")
    return "; ".join(found)


def _gives(route: AnyRoute) -> str:
    if route.gives is not None:
        return f"{route.status} `{route.gives}`"
    if not route.signature.streams:
        return str(route.status)
    return f"{route.status} {'bytes' if route.offers == ANY_TYPE else route.offers[0]}"


def _cells(cells: Sequence[str]) -> str:
    """A row of a table; an empty cell is one space."""
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)

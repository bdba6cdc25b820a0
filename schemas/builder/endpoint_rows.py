"""The rows of validate_endpoints.sh: those of the scenario, and those of each route that the scenario leaves out.

Method, path, caller, media types, status, message and checks come from the rule, the route and the schema.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from heartguard_common.core.errors import ErrorCode
from heartguard_common.http.routing import ANY_TYPE, DOCUMENT_TYPES, AnyRoute
from heartguard_common.identity.policy import ANYONE, INNER, SERVICE, RouteRule
from schemas.builder.answer_checks import AnswerChecks, Schema
from schemas.builder.example_bodies import SLOT, bodies, example
from schemas.builder.scenario import Scenario, ScenarioError, Step

_JSON, _XML = "application/json", "application/xml"
_NEEDS = {"operator": "operator", "service": "service", "member": "founding", "insider": "inner"}
_HEADERS = {401: ("header:WWW-Authenticate=Bearer",), 405: ("header:Allow",)}
_SOMETIMES = ("Set-Cookie", "X-Next-Cursor")  # headers that a route sends in some of its good answers


class _Sent(NamedTuple):
    """A body in both formats, its type where it is no document, and what a good answer repeats of it."""

    json: str = ""
    xml: str = ""
    type: str = ""
    echoes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row, in the words of the table that validate_endpoints.sh reads.

    `root` is a message, a media type, `-` for no body, or the code of an error. `of_message`: the checks of the
    message belong to it.
    """

    method: str
    path: str
    caller: str
    needs: str
    only: str
    accept: str
    header: str
    json: str
    xml: str
    type: str
    keep: str
    forget: str
    before: str
    verb: str
    status: int
    root: str
    checks: tuple[str, ...]
    of_message: bool


class EndpointRows:
    """Makes the rows. `joined` are all rules with their routes, `codes` all errors by code."""

    def __init__(
        self,
        scenario: Scenario,
        joined: Sequence[tuple[RouteRule, AnyRoute]],
        definitions: Mapping[str, Schema],
        codes: Mapping[str, ErrorCode],
    ) -> None:
        self._scenario = scenario
        self._joined = joined
        self._definitions = definitions
        self._codes = codes
        self.checks = AnswerChecks(definitions, scenario.always)
        self._by_id = {rule.id: (rule, route) for rule, route in joined}

    def rows(self) -> Iterator[Row]:
        """All rows in the order in which they are called. Raises ScenarioError where scenario and routes differ."""
        scenario = self._scenario
        named = {step.route for step in (*scenario.steps, *scenario.extra, *scenario.closing)}
        if unknown := named - {"", *self._by_id}:
            raise ScenarioError(f"the policy has no {', '.join(sorted(unknown))}")
        for step in chain(scenario.steps, self._rest(), scenario.extra, scenario.closing):
            yield from self._of(step)

    def unknown(self) -> dict[str, str]:
        """Parameters of paths of which a run has no value, each with one that is nobody's."""
        samples = {"integer": "999999999", "uuid": "00000000-0000-7000-8000-000000000000", "text": "no-such-thing"}
        found = self._parameters()
        return {name: samples[found[name]] for name in sorted(found.keys() - self._scenario.values.keys())}

    def _known(self) -> set[str]:
        """Parameters of paths of which a run has a value: an example must not name another organization's."""
        return self._parameters().keys() & self._scenario.values.keys()

    def _parameters(self) -> dict[str, str]:
        """Each parameter of a path, and its kind."""
        segments = chain.from_iterable(rule.segments for rule, _ in self._joined)
        return {segment.text.strip("{}"): segment.kind for segment in segments if segment.kind is not None}

    def _rest(self) -> Iterator[Step]:
        """The steps of routes that the scenario does not call."""
        for rule, route in self._joined:
            if rule.id not in self._scenario.called:
                yield self._declared(rule, route)
        asked = {(step.route, step.accept) for step in (*self._scenario.steps, *self._scenario.extra)}
        for rule, route in self._joined:
            for offer in route.offers if rule.method == "GET" and route.offers[0] == _JSON else ():
                if offer not in DOCUMENT_TYPES and (rule.id, offer) not in asked:
                    yield Step(route=rule.id, accept=offer, only="json")

    def _declared(self, rule: RouteRule, route: AnyRoute) -> Step:
        if not isinstance(rule.who, str) and set(rule.who) == {SERVICE}:
            return Step(route=rule.id, refused="GEN_403")  # not even an admin may, and no service through the gateway
        if any(name in self.unknown() for name in SLOT.findall(rule.path)):
            code = next((entry.code for entry in route.raises if entry.status == 404), "GEN_404")
            return Step(route=rule.id, refused=code)
        # What changes something must not do so to an account that was there before.
        caller = _caller(rule)
        changes = rule.method != "GET" and caller not in _NEEDS
        return Step(route=rule.id, when="founding" if changes else "")

    def _of(self, step: Step) -> Iterator[Row]:
        """The row of a step, and where the route has no XML the one that is refused for it."""
        rule, route = self._by_id.get(step.route, (None, None))
        stated = step.refused or step.only or step.accept or step.gives
        if route is None or stated or _XML in route.offers or route.offers == ANY_TYPE:
            yield self._row(step, rule, route)
            return
        accept = "" if _JSON in route.offers else route.offers[0]
        yield self._row(dataclasses.replace(step, only="json", accept=accept), rule, route)
        yield self._row(Step(route=step.route, only="xml", refused="GEN_406"), rule, route)

    def _row(self, step: Step, rule: RouteRule | None, route: AnyRoute | None) -> Row:
        caller = step.caller or ("admin" if rule is None or step.refused == "GEN_403" else _caller(rule))
        sent = self._sent(step, route)
        status, root, checks, of_message = self._outcome(step, route, sent.echoes)
        return Row(
            method=step.method or (rule.method if rule else "GET"),
            path=self._path(step, rule, route),
            caller=caller,
            needs=step.when or _NEEDS.get(caller, ""),
            only=step.only,
            accept=step.accept,
            header=step.header,
            json=sent.json,
            xml=sent.xml,
            type=sent.type,
            keep=step.keep,
            forget=step.forget,
            before=step.before,
            verb="explains" if step.problem else "refuses" if step.refused else "gives",
            status=status,
            root=root,
            checks=checks,
            of_message=of_message,
        )

    def _path(self, step: Step, rule: RouteRule | None, route: AnyRoute | None) -> str:
        path = step.path or (rule.path if rule else "")
        query = step.query
        if not query and not step.path and route is not None and route.query is not None:
            required = self._definitions[route.query].get("required", ())
            if missing := [name for name in required if name not in self._scenario.values]:
                raise ScenarioError(f"{step.route} needs a step with a query: {', '.join(missing)}")
            query = "&".join(f"{name}={{{name}}}" for name in required)
        return f"{path}?{query}" if query else path

    def _sent(self, step: Step, route: AnyRoute | None) -> _Sent:
        if step.text or step.json or step.xml:
            return _Sent(step.text or step.json, step.text or step.xml, step.type)
        if route is not None and route.body == "stream":
            return _Sent("x", "x", next(iter(route.accepts), "application/octet-stream"))
        if route is None or route.takes is None or (not step.body and route.body == "optional"):
            return _Sent()
        made = bodies(route.takes, step.body or example(route.takes, self._known()), self._scenario.values)
        echoes = () if route.gives is None else tuple(self.checks.echoes(route.gives, made.document))
        return _Sent(made.json, made.xml, "", echoes)

    def _outcome(
        self, step: Step, route: AnyRoute | None, echoes: Sequence[tuple[str, str]]
    ) -> tuple[int, str, tuple[str, ...], bool]:
        """Status, root or error code, checks, and whether those of the message belong to them."""
        if step.refused:
            if step.refused not in self._codes:
                raise ScenarioError(f"no error has the code {step.refused}")
            status = self._codes[step.refused].status
            more = (*self._scenario.always.get(step.refused, ()), *_HEADERS.get(status, ()))
            return status, step.refused, (*step.check, *more), False
        if route is None:
            return step.status, step.gives or "-", step.check, step.gives in self._definitions
        root = step.gives or (step.accept if "/" in step.accept and "*" not in step.accept else _root(route))
        headers = tuple(f"header:{it}" for it in route.headers if it not in _SOMETIMES)
        if root != route.gives:
            own = step.check or self._scenario.always.get(root, ())
            return step.status or route.status, root, (*own, *headers), False
        stated = {check.partition("=")[0].partition(":")[0] for check in step.check}
        repeated = tuple(f"{path}={value}" for path, value in echoes if path not in stated)
        return step.status or route.status, root, (*step.check, *repeated, *headers), True


def _caller(rule: RouteRule) -> str:
    """Who calls a route in the run: an admin, where one may."""
    if rule.who == ANYONE:
        return "nobody"
    if rule.who == INNER:
        return "insider"
    callers = {"admin": "admin", "user": "member", "operator": "operator", SERVICE: "service"}
    for role, caller in callers.items():
        if rule.scope(role) is not None:
            return caller
    raise ScenarioError(f"no caller of the scenario may {rule.id}")


def _root(route: AnyRoute) -> str:
    """What the root of a good answer is called, or its media type, or `-` for no body."""
    if route.gives is not None:
        return route.gives
    return route.offers[0] if route.signature.streams else "-"

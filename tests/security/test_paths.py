"""Odd spellings of paths: gateway and service decide by the same rule, or nobody but the gateway decides.

What a spelling means is RFC 3986: escapes of unreserved characters say what the characters say (section 6.2.2.2), and
nothing else is another way to write a path here.
"""

import itertools
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from heartguard_common.identity import policy
from tests.protection.callers import World
from tests.running import RunningSystem
from tests.security.lines import lines
from tests.security.raw_requests import bearer, request, send

RULES = policy.load().rules
UUID = "01890000-0000-7000-8000-000000000000"
EXAMPLES = {"integer": "999999", "uuid": UUID, "text": "org_999999"}


def path_of(rule: policy.RouteRule) -> str:
    return "".join("/" + (EXAMPLES[part.kind] if part.kind else part.text) for part in rule.segments)


def last(change: Callable[[str], str]) -> Callable[[str], str]:
    """Change the last segment."""
    return lambda path: path.rpartition("/")[0] + "/" + change(path.rpartition("/")[2])


def first(change: Callable[[str], str]) -> Callable[[str], str]:
    """Change the first segment."""
    return lambda path: (
        "/" + change(path[1:].partition("/")[0]) + path[1:].partition("/")[1] + path[1:].partition("/")[2]
    )


def other_case(text: str) -> str:
    return text.swapcase() if text.swapcase() != text else text + "A"


# 400: no reader may guess. 404: another path, which leads nowhere.
REFUSED: dict[str, tuple[Callable[[str], str], set[int]]] = {
    "two slashes in front": (lambda path: "/" + path, {404}),
    "two slashes inside": (lambda path: path[:1] + path[1:].replace("/", "//") + "//", {404}),
    "a slash behind": (lambda path: path + "/", {404}),
    "other case in front": (first(other_case), {404}),
    "a dot segment": (lambda path: "/." + path, {400}),
    "two dots": (lambda path: "/gateway/.." + path, {400}),
    "two dots behind": (lambda path: path + "/..", {400}),
    "escaped dots": (lambda path: "/gateway/%2e%2e" + path, {400}),
    "half escaped dots": (lambda path: "/gateway/.%2E" + path, {400}),
    "dots escaped twice": (lambda path: "/gateway/%252e%252e" + path, {400}),
    "dots in UTF-16 escapes": (lambda path: "/gateway/%u002e%u002e" + path, {400}),
    "an overlong dot": (lambda path: "/gateway/%c0%ae%c0%ae" + path, {400}),
    "an overlong slash": (lambda path: "/gateway/..%c0%af" + path[1:], {400}),
    "wide dots": (lambda path: "/gateway/%ef%bc%8e%ef%bc%8e" + path, {404}),
    "an escaped slash": (lambda path: "/" + path[1:].replace("/", "%2f", 1) + "%2f", {400}),
    "a slash escaped twice": (lambda path: path + "%252f", {400}),
    "a backslash": (lambda path: path + "\\..", {400}),
    "an escaped backslash": (lambda path: "/gateway/..%5c" + path[1:], {400}),
    "a parameter": (lambda path: path + ";x=1", {400}),
    "a parameter of dots": (lambda path: "/gateway/..;" + path, {400}),
    "an escaped parameter": (lambda path: path + "%3bx", {400}),
    "a NUL": (lambda path: path + "%00", {400}),
    "a NUL and an ending": (lambda path: path + "%00.json", {400}),
    "a line feed": (lambda path: path + "%0a", {400}),
    "a line and a request": (lambda path: path + "%0d%0aX-Role:%20admin", {400}),
    "half an escape": (lambda path: path + "%2", {400}),
    "no escape": (lambda path: path + "%zz", {400}),
    "a fragment": (lambda path: path + "#x", {400}),
    "a colon in front": (lambda path: ":" + path, {400}),
    "another host, with a user": (lambda path: "http://me@evil.example" + path, {400}),
    "another scheme": (lambda path: "gopher://evil.example" + path, {400}),
    "another host, and a host": (lambda path: "http://evil.example http://x" + path, {400}),
    "no slash in front": (lambda path: path[1:], {400}),
}  # fmt: skip
# A text may end so too; the names that lead nowhere are still nobody's bucket and no file.
ENDINGS: dict[str, Callable[[str], str]] = {
    "a dot behind": lambda path: path + ".",
    "three dots behind": lambda path: path + "...",
    "a blank behind": lambda path: path + "%20",
    "a wide slash": lambda path: path + "%ef%bc%8fx",
    "a question mark in escapes": lambda path: path + "%3fformat=xml",
    "an ending": lambda path: path + ".json",
    "other case": last(other_case),
    "a mark behind": lambda path: path + "%e2%80%8b",
}
SAME: dict[str, Callable[[str], str]] = {
    "with scheme and host": lambda path: "http://evil.example" + path,  # RFC 9112 section 3.2.2
    "letters in escapes": lambda path: "".join(f"%{ord(sign):02x}" if sign.isalpha() else sign for sign in path),
    "digits and marks in escapes": lambda path: "".join(f"%{ord(s):02X}" if s in "0123456789-_" else s for s in path),
}
# Pages for people, which are found with a slash behind them too.
PAGES = ("/docs", "/portal", "/docs/errors", "/schemas")
_numbers = itertools.count(time.time_ns() % 10**9)


class Prober:
    """Somebody without rights who tries spellings, and reads afterwards which rules had been asked."""

    def __init__(self, system: RunningSystem, who: dict[str, str]) -> None:
        self.system = system
        self.who = who
        self.statuses: dict[str, int] = {}
        self.understood: set[str] = set()

    def go(self, method: str, target: str) -> str:
        """Ask; returns the request's id."""
        mark = f"prowl-{next(_numbers)}"
        data = request(method, target, f"X-Request-ID: {mark}", *bearer(self.who), "Connection: close")
        answer = send(self.system.gateway_url, data)
        self.statuses[mark] = answer.status
        if answer.all("x-request-id") == [mark]:  # else its head was not read as far as that
            self.understood.add(mark)
        return mark

    def routes(self) -> dict[str, tuple[str, set[str]]]:
        """By request id: the rule of the gateway, and those of the services that got to see the request.

        A service that fetches the keys of the tokens says for which request it does, and so does the stream process
        that says for the first stream of an organization that somebody listens.
        """
        seen = lines(self.system.clone, self.understood)
        return {
            mark: (
                seen[mark]["gateway"][0]["route"] if mark in self.understood else "unmatched",
                {line["route"] for name in seen.get(mark, ()) if name != "gateway" for line in seen[mark][name]}
                - {"auth.jwks", "timeseries.listen"},
            )
            for mark in self.statuses
        }


@pytest.fixture(scope="module")
def prober(running_system: RunningSystem, world: World) -> Prober:
    return Prober(running_system, world.member("user").bearer)


def test_no_spelling_of_a_path_reaches_another_rule(prober: Prober) -> None:
    asked = {}
    for rule in RULES:
        for name, (spell, _) in REFUSED.items():
            asked[prober.go(rule.method, spell(path_of(rule)))] = (rule, name)
    routes = prober.routes()
    wrong = []
    for mark, (rule, name) in asked.items():
        status, (route, services) = prober.statuses[mark], routes[mark]
        if name == "a slash behind" and rule.path in PAGES:
            assert (status, route, services) == (200, rule.id, set()), rule.id
            continue
        if status not in REFUSED[name][1] or route != "unmatched" or services:
            wrong.append(f"{rule.id}, {name}: {status}, {route} at the gateway, {services or 'nothing'} at services")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ENDINGS)
def test_a_suffix_is_part_of_the_name(prober: Prober, name: str) -> None:
    asked = {prober.go(rule.method, ENDINGS[name](path_of(rule))): rule for rule in RULES}
    routes = prober.routes()
    for mark, rule in asked.items():
        route, services = routes[mark]
        if rule.segments[-1].kind == "text":
            assert (route, services) in ((rule.id, {rule.id}), (rule.id, set())), (rule.id, route, services)
            assert prober.statuses[mark] in (403, 404)
        elif rule.segments[-1].kind == "uuid" and name == "other case":
            continue  # RFC 9562 section 4: upper and lower case are one
        else:
            # One dot behind the slash of the landing page is a dot segment.
            status = 400 if (rule.path, name) == ("/", "a dot behind") else 404
            assert (prober.statuses[mark], route, services) == (status, "unmatched", set()), rule.id


@pytest.mark.parametrize("name", SAME)
def test_equivalent_spellings_are_judged_alike(prober: Prober, name: str) -> None:
    plain = {prober.go(rule.method, path_of(rule)): rule for rule in RULES if rule.method == "GET"}
    spelled = {prober.go(rule.method, SAME[name](path_of(rule))): rule for rule in plain.values()}
    routes = prober.routes()
    for one, other in zip(plain, spelled, strict=True):
        assert routes[one] == routes[other], plain[one].id
        assert routes[one][0] in {rule.id for rule in RULES}
        assert routes[one][1] <= {routes[one][0]}
        assert prober.statuses[one] == prober.statuses[other], plain[one].id


@pytest.mark.parametrize(
    "target",
    [b"/users/me\x00", b"/users/me\xff", b"/users/me\x7f", b"/users/\x1bme", b"/users/me\rx", b"/users/me\x0bx"],
)
def test_raw_bytes_that_no_path_may_contain_are_refused(prober: Prober, target: bytes) -> None:
    answer = send(prober.system.gateway_url, request("GET", target, *bearer(prober.who), "Connection: close"))
    assert answer.status in (400, 404)
    assert b'"error"' in answer.body


def test_a_repeated_parameter_has_one_meaning(prober: Prober) -> None:
    url = urlsplit(prober.system.gateway_url)
    assert url.port
    for query, kind in (("format=xml&format=json", b"<Error>"), ("format=json&format=xml", b'{"error"')):
        # refused by the gateway, and by the service behind it
        for path in ("/users", "/users/me/exports/" + UUID):
            data = request("GET", f"{path}?{query}", *bearer(prober.who), "Connection: close")
            assert kind in send(prober.system.gateway_url, data).body, (path, query)

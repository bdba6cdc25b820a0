"""The whole list of stages without a socket: what each refusal costs, and what leaves."""

import io
import json
import logging
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from heartguard_common.audit.events import AuditEvent
from heartguard_common.contract.contracts import Contracts
from heartguard_common.core.errors import INVALID_TOKEN, ServiceError
from heartguard_common.core.metrics import Metrics
from heartguard_common.core.registry import SERVICES
from heartguard_common.identity.api_key_cache import ApiKeyCache
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.organization_state import UNCHANGED, OrganizationState
from heartguard_common.identity.policy import load
from heartguard_common.identity.revocation import CallerState, Verdict
from heartguard_common.messages import Mode
from heartguard_gateway.bodies.spool import BodySpool
from heartguard_gateway.domain import Exchange, Limit, Quota, Reply, Request, organization_share
from heartguard_gateway.pipeline.pipeline import Pipeline
from heartguard_gateway.pipeline.stages.write_audit import outcome
from heartguard_gateway.ports import Admission, Inbound, Outbound, Ports, StreamLimits
from heartguard_gateway.route_matching import Matcher, compile_limits

POLICY, CONTRACTS = load(), Contracts.load()
PEOPLE = {
    "user": Principal("person", "user", user_id=12, org_id=3),
    "admin": Principal("person", "admin", user_id=1, org_id=3),
    "operator": Principal("operator", "operator"),
}


class Fixed:
    """2027-01-15T08:00:00Z, always."""

    def now_ns(self) -> int:
        return 1_800_000_000_000_000_000


class Streamed:
    """A body that still arrives."""

    closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield b"x"

    def close(self) -> None:
        self.closed = True


@dataclass
class Stack:
    """Everything behind the stages, and what they did with it."""

    asked: list[tuple[list[tuple[str, Limit]], Principal | None]] = field(default_factory=list)
    events: list[AuditEvent] = field(default_factory=list)
    sent: list[Outbound] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    empty: frozenset[str] = frozenset()
    verdict: Verdict = Verdict.ACTIVE
    introspected: Callable[[str], CallerState] = lambda _token: CallerState(Verdict.ACTIVE)
    organization: OrganizationState = UNCHANGED
    own_share: Limit | None = None
    disk_full: bool = False
    reply: Reply = field(default_factory=lambda: Reply(200, [("Content-Type", "application/json")], b"{}"))
    metrics: Any = field(default_factory=lambda: Metrics("gateway"))

    def identify(self, authorization: str | None) -> Principal | None:
        if authorization is None:
            return None
        name = authorization.removeprefix("Bearer ")
        if name not in PEOPLE:
            raise ServiceError(INVALID_TOKEN)
        return PEOPLE[name]

    def admit(self, buckets: list[tuple[str, Limit]], principal: Principal | None) -> Admission:
        self.asked.append((buckets, principal))
        quotas = [Quota(limit, limit.name not in self.empty, 5, 9_000_000, 1_500_000) for _, limit in buckets]
        return Admission(quotas, self.verdict, self.organization)

    def share(self, org_id: int | None) -> Limit | None:  # noqa: ARG002
        return self.own_share

    def record(self, event: AuditEvent, address: str = "") -> None:  # noqa: ARG002
        if self.disk_full:
            raise OSError
        self.events.append(event)

    def send(self, outbound: Outbound) -> Inbound:
        self.sent.append(outbound)
        return Inbound(replace(self.reply))

    def broken(self, _: Exchange) -> Reply:
        raise RuntimeError("a secret detail")

    @property
    def ports(self) -> Ports:
        names = [name for name in SERVICES if name != "gateway"]
        return Ports(
            contracts=CONTRACTS,
            matcher=Matcher(POLICY),
            limits=compile_limits(POLICY, 100, 60),
            callers=self,
            api_keys=NoKeys(lambda _: {"active": False}, Fixed()),
            introspect=self.introspected,
            redeem=lambda ticket: f"Bearer {ticket}",
            gate=self,  # type: ignore[arg-type]
            services=dict.fromkeys(names, self),
            own={"gateway.health": lambda _: Reply(200, [], b"well"), "gateway.openapi": self.broken},
            trail=self,
            metrics=self.metrics,
            refused=lambda stage, code: self.refusals.append((stage, code)),
            log=logging.getLogger("heartguard.test"),
            clock=Fixed(),
            monotonic=lambda: 5.0,
            allowed_origins=frozenset(),
            trusted_proxies=0,
            forwarding_key="",
            max_stream=StreamLimits(1000, 2000),
            bodies=BodySpool(Path(tempfile.gettempdir())),
        )

    def ask(self, method: str, target: str, who: str | None = None, body: bytes = b"", **headers: str) -> Reply:
        fields = {"host": "x", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if who:
            fields["authorization"] = f"Bearer {who}"
        request = Request(method, target, fields, "198.51.100.7", io.BytesIO(body), content_length=len(body))
        return Pipeline(self.ports).handle(Exchange(request, 4.0))


def code(reply: Reply) -> str:
    return str(json.loads(reply.body)["error"]["code"])


class NoKeys(ApiKeyCache):
    def record_use(self, principal: Principal, address: str) -> None:
        """Nothing: there is no key."""


CHARGES = [
    ("GET", "/users/me", "user", None, ["address", "default"]),
    ("POST", "/timeseries/write", "user", None, ["address", "write"]),
    ("POST", "/auth/login", None, None, ["address", "login"]),
    ("GET", "/users/health", None, None, ["address"]),
    ("GET", "/gateway/health", None, None, None),
    ("GET", "/users/me", "forged", "admit", ["address"]),
    ("GET", "/users/me", None, "admit", ["address"]),
    ("GET", "/users/me", "hg_dev_unknownSOoRi4A9spHcVY5ncnsDkxk0Cv03S", "admit", ["address"]),
    ("GET", "/users/me", "hg_dev_damaged", "admit", ["address"]),
    ("GET", "/nowhere", "user", "admit", ["address"]),
    ("PATCH", "/users/me", "user", "admit", ["address"]),
    ("GET", "/users", "user", "authorize", ["address", "default"]),
    ("GET", "/users/..", "user", "refuse_malformed", None),
]


def test_each_request_is_charged_and_refused_at_its_stage(subtests: pytest.Subtests) -> None:
    for method, target, who, stage, buckets in CHARGES:
        with subtests.test(target):
            stack = Stack()
            stack.ask(method, target, who)
            assert [refused for refused, _ in stack.refusals] == ([stage] if stage else [])
            assert [[limit.name for _, limit in asked] for asked, _ in stack.asked] == ([buckets] if buckets else [])
            assert len(stack.sent) == (1 if stage is None and target != "/gateway/health" else 0)


def test_a_bucket_belongs_to_a_class_an_address_and_a_caller() -> None:
    stack = Stack()
    stack.ask("GET", "/users/me", "user")
    stack.ask("POST", "/auth/login")
    keys = [key for asked, _ in stack.asked for key, _ in asked]
    assert keys == [
        "hg:rl:address:198.51.100.7",
        "hg:rl:default:198.51.100.7:user:12",
        "hg:rl:address:198.51.100.7",
        "hg:rl:login:198.51.100.7:anonymous",
    ]


def test_an_empty_bucket_says_which_and_how_long_rounded_up() -> None:
    reply = Stack(empty=frozenset({"default"})).ask("GET", "/users/me", "user")
    headers = dict(reply.headers)
    assert (reply.status, headers["Retry-After"], headers["X-RateLimit-Limit"]) == (429, "2", "100")
    assert (headers["X-RateLimit-Remaining"], headers["X-RateLimit-Reset"]) == ("5", "9")


def test_a_rate_limit_precedes_other_refusals() -> None:
    stack = Stack(empty=frozenset({"address"}))
    assert {code(stack.ask("GET", path, "forged")) for path in ("/nowhere", "/users/me")} == {"GEN_429"}


def test_revocation_is_asked_for_persons_only() -> None:
    stack = Stack()
    stack.ask("GET", "/users/me", "user")
    stack.ask("GET", "/gateway/services", "operator")
    assert [principal for _, principal in stack.asked] == [PEOPLE["user"], None]


@pytest.mark.parametrize(
    ("copy", "truth", "expected"),
    [
        (Verdict.ACTIVE, Verdict.REVOKED, 200),
        (Verdict.REVOKED, Verdict.ACTIVE, 401),
        (Verdict.UNKNOWN, Verdict.ACTIVE, 200),
        (Verdict.UNKNOWN, Verdict.REVOKED, 401),
    ],
)
def test_auth_is_asked_only_where_the_copy_knows_nothing(copy: Verdict, truth: Verdict, expected: int) -> None:
    asked = []

    def introspect(token: str) -> CallerState:
        asked.append(token)
        return CallerState(truth)

    assert Stack(verdict=copy, introspected=introspect).ask("GET", "/users/me", "user").status == expected
    assert asked == (["user"] if copy is Verdict.UNKNOWN else [])


@pytest.mark.parametrize(
    ("copy", "truth", "verdict", "expected"),
    [
        ("read_only", "active", Verdict.ACTIVE, [200, 403]),
        ("active", "read_only", Verdict.ACTIVE, [200, 200]),
        ("active", "read_only", Verdict.UNKNOWN, [200, 403]),
        ("active", "suspended", Verdict.UNKNOWN, [403, 403]),
    ],
)
def test_the_mode_of_the_organization_comes_with_the_verdict(
    copy: Mode, truth: Mode, verdict: Verdict, expected: list[int]
) -> None:
    stack = Stack(
        verdict=verdict,
        organization=OrganizationState(copy),
        introspected=lambda _: CallerState(Verdict.ACTIVE, truth),
    )
    assert [stack.ask(method, "/users/me", "user").status for method in ("GET", "PUT")] == expected
    assert len(stack.asked) == 2  # one question to Redis for each request


def test_answers_warn_of_limits_that_are_nearly_used() -> None:
    stack = Stack(organization=OrganizationState(near="stored_points;used=83"))
    assert dict(stack.ask("GET", "/users/me", "user").headers)["HeartGuard-Limit-Warning"] == "stored_points;used=83"
    assert "HeartGuard-Limit-Warning" not in dict(stack.ask("GET", "/gateway/health").headers)
    unknown = Stack(organization=stack.organization, verdict=Verdict.UNKNOWN)
    assert "HeartGuard-Limit-Warning" in dict(unknown.ask("GET", "/users/me", "user").headers)


def test_requests_of_an_organization_with_a_share_are_counted_for_it_too() -> None:
    stack = Stack(own_share=organization_share(120))
    assert stack.ask("GET", "/users/me", "user").status == 200
    key, limit = stack.asked[0][0][1]
    assert (key, limit.capacity, limit.interval_us) == ("hg:rl:org:{3}", 120, 500_000)
    stack.empty = frozenset({"organization"})
    refused = stack.ask("GET", "/users/me", "user")
    assert (refused.status, dict(refused.headers)["Retry-After"]) == (429, "2")
    assert b"per minute and organization" in refused.body


def test_an_internal_error_is_500_without_details(caplog: pytest.LogCaptureFixture) -> None:
    stack = Stack()
    reply = stack.ask("GET", "/openapi.json", accept="application/xml")
    assert reply.status == 500
    assert reply.body.startswith(b"<?xml") or reply.body.startswith(b"<Error>")
    assert b"GEN_500" in reply.body
    assert b"secret" not in reply.body
    assert "a secret detail" in caplog.text
    assert stack.refusals == [("forward", "GEN_500")]


def test_counting_never_changes_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def observe(self, *_: object) -> None:
            raise RuntimeError("no disk for metrics")

    reply = Stack(metrics=Broken()).ask("GET", "/users/me", "user")
    assert (reply.status, reply.body) == (200, b"{}")
    assert "count failed" in caplog.text


def test_an_answer_whose_event_cannot_be_stored_is_not_sent_and_its_stream_is_closed() -> None:
    stream = Streamed()
    reply = Stack(disk_full=True, reply=Reply(200, [], stream=stream)).ask("GET", "/users/me", "user")
    assert (reply.status, code(reply), reply.stream) == (503, "GW_013", None)
    assert stream.closed
    assert {"X-Request-ID", "X-Gateway-Request-ID", "Vary"} <= {name for name, _ in reply.headers}


def test_an_event_names_route_and_object() -> None:
    stack = Stack()
    stack.ask("GET", "/users/13", "admin")
    (event,) = stack.events
    assert (event.action, event.resource, event.actor, event.org_id) == ("user.read", "user:13", "user:1", 3)
    assert (event.time, event.outcome) == ("2027-01-15T08:00:00Z", "success")


@pytest.mark.parametrize(
    ("method", "target", "resource"),
    [
        ("GET", "/users/me", None),
        ("DELETE", "/media/items/01890a5d-ac96-774b-bcce-b302099a8057", "media:01890a5d-ac96-774b-bcce-b302099a8057"),
        ("DELETE", "/timeseries/buckets/org_3", "bucket:org_3"),
    ],
)
def test_objects_are_named_as_the_services_name_them(method: str, target: str, resource: str | None) -> None:
    stack = Stack()
    stack.ask(method, target, "admin")
    assert stack.events[0].resource == resource


def test_ids_are_uuid_7_and_a_well_formed_one_is_kept() -> None:
    headers = dict(Stack().ask("GET", "/users/me", "user", x_request_id="a.b-c_9").headers)
    assert headers["X-Request-ID"] == "a.b-c_9"
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", headers["X-Gateway-Request-ID"]
    )


def test_a_declared_body_over_the_limit_is_never_read() -> None:
    stack = Stack()
    reply = stack.ask("POST", "/auth/login", body=bytes(16 * 1024 + 1))
    assert (reply.status, code(reply), stack.sent) == (413, "GEN_413", [])


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/xml", "application/xml; charset=utf-8"),
        ("text/xml;q=0.9, application/json;q=0.1", "text/xml; charset=utf-8"),
        ("image/png", "application/json"),
        ("a" * 5000, "application/json"),
    ],
)
def test_a_refusal_leaves_in_the_format_asked_for(accept: str | None, media_type: str) -> None:
    headers = {"accept": accept} if accept else {}
    assert dict(Stack().ask("GET", "/nowhere", **headers).headers)["Content-Type"] == media_type


# What AuditEvent says of its outcome in the contract: who was kept out is denied, every other error is a failure.
ENDINGS = [
    *((status, "success") for status in (200, 204, 304)),
    *((status, "denied") for status in (401, 403, 429)),
    *((status, "failure") for status in (400, 404, 422, 500, 503)),
]


def test_an_audit_event_says_how_it_ended(subtests: pytest.Subtests) -> None:
    for status, word in ENDINGS:
        with subtests.test(str(status)):
            assert outcome(status) == word

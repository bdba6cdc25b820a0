"""What the stages need from outside, as Protocols; wiring decides what implements each."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from heartguard_common.audit.events import AuditEvent
from heartguard_common.core.clock import Clock
from heartguard_common.core.metrics import Metrics
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.organization_state import UNCHANGED, OrganizationState
from heartguard_common.identity.revocation import CallerState, Verdict
from heartguard_gateway.bodies.spool import Body, BodySpool
from heartguard_gateway.domain import Exchange, Headers, Limit, Quota, Reply
from heartguard_gateway.route_matching import Matcher

if TYPE_CHECKING:
    from heartguard_common.contract.contracts import Contracts  # which reads XML by lxml


@dataclass(frozen=True)
class Outbound:
    """A request to a service. `body` is bytes or a `Body` at hand, or blocks to stream of which `length` are declared.

    Iterating a streamed body raises `ServiceError` for what the client does wrong, never OSError. `holder` is whose
    share of lanes and space it takes; `large` says that reading the document costs a service so much that it takes a
    slot, `long` that the answer may be long, which takes one too; `cut` ends the client's connection.
    """

    method: str
    target: str
    headers: Headers
    body: bytes | Body | Iterable[bytes] = b""
    length: int | None = None
    holder: str = ""
    large: bool = False
    long: bool = False
    cut: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Inbound:
    """A service's answer. `early` says that it came before the request body was taken."""

    reply: Reply
    early: bool = False


class Callers(Protocol):
    """Authenticates by the Authorization header."""

    def identify(self, authorization: str | None) -> Principal | None:
        """The caller, or None without a header. Raises `ServiceError` GEN_401_TOKEN for a header that is not valid."""


class ApiKeys(Protocol):
    """The callers that API keys stand for."""

    def remembered(self, secret: str) -> Principal | None:
        """The caller of a key, without asking another service; None where it has to be looked up."""

    def look_up(self, secret: str) -> Principal:
        """The caller of a key as auth knows it now. Raises `ServiceError` GEN_401_TOKEN, GEN_503."""

    def confirm(self, secret: str, principal: Principal, state: CallerState) -> Principal:
        """The caller after the verdict on the version that was remembered. Raises GEN_401_TOKEN, GEN_503."""

    def record_use(self, principal: Principal, address: str) -> None:
        """Note that the key of a caller was used now."""


@dataclass(frozen=True)
class Admission:
    """The answer to one grouped question: a quota for each bucket asked, what is known of the token and its owner.

    `organization` counts only with a verdict that is known.
    """

    quotas: Sequence[Quota]
    verdict: Verdict
    organization: OrganizationState = UNCHANGED

    @property
    def caller(self) -> CallerState:
        """What is known of the caller."""
        return CallerState(self.verdict, self.organization.mode)


class Gate(Protocol):
    """Token buckets and revocations, asked together."""

    def admit(self, buckets: Sequence[tuple[str, Limit]], principal: Principal | None) -> Admission:
        """Take one token from each bucket and look the person's token up; never raises."""

    def share(self, org_id: int | None) -> Limit | None:
        """The bucket of an organization's requests, as it was when it was last looked up; None for no limit."""


class Service(Protocol):
    """One service behind the gateway."""

    def send(self, outbound: Outbound) -> Inbound:
        """Send a request. Raises `ServiceError` GW_010 to GW_012, GW_016, and what a streamed body raises."""


class Trail(Protocol):
    """Where access events go."""

    def record(self, event: AuditEvent, address: str = "") -> None:
        """Store an event; `address` is the client's. Raises OSError when neither Redis nor the disk takes it."""


class StreamLimits(NamedTuple):
    """The largest stream of a request's body in bytes: any, and one whose size a service has announced."""

    plain: int
    announced: int


@dataclass(frozen=True)
class Ports:
    """Everything that the stages may use; it never changes while the gateway runs."""

    contracts: "Contracts"
    matcher: Matcher
    limits: Mapping[str, Limit]
    callers: Callers
    api_keys: ApiKeys
    introspect: Callable[[str], CallerState]
    redeem: Callable[[str], str]
    gate: Gate
    services: Mapping[str, Service]
    bodies: BodySpool
    own: Mapping[str, Callable[[Exchange], Reply]]
    trail: Trail
    metrics: Metrics
    refused: Callable[[str, str], None]
    log: logging.Logger
    clock: Clock
    monotonic: Callable[[], float]
    allowed_origins: frozenset[str]
    trusted_proxies: int
    forwarding_key: str
    max_stream: StreamLimits

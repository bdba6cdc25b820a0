"""The gateway's values and rules, without input and output: the exchange, paths, header names, token buckets."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote, unquote_to_bytes

from heartguard_common.core.errors import ServiceError
from heartguard_common.core.network import bucket_address, parse_address
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.policy import RouteRule

Headers = list[tuple[str, str]]

# RFC 9110 section 7.6.1, and the two that clients still send to proxies.
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~.-]*)+", re.ASCII)
_ABSOLUTE = re.compile(r"https?://([^/?]*)(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
# A slash, a backslash, a parameter sign or a second escape inside a segment is read differently by different
# readers of the path, so that two of them could see two routes.
_AMBIGUOUS = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff/\\;%]")


class Stream(Protocol):
    """An answer's body that is still arriving; `close` gives up what is held for it."""

    def __iter__(self) -> Iterator[bytes]:
        """The blocks of the body."""

    def close(self) -> None:
        """Release it, also when nothing was read."""


class Reader(Protocol):
    """A request body as the server hands it over."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; empty at the end."""


def _nothing() -> None:
    pass


@dataclass(slots=True)
class Request:
    """What the client sent, header names in lower case.

    `close` ends the client's connection after the answer; `consumed` says that the body was read to its end. `waited`
    is how many seconds it was unread in the kernel, where that is known. `cut` ends the connection at
    once, in an answer.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    peer: str
    body: Reader
    chunked: bool = False
    content_length: int = 0
    protocol: str = "HTTP/1.1"
    close: Callable[[], None] = _nothing
    consumed: bool = False
    waited: float = 0.0
    cut: Callable[[], None] = _nothing

    @property
    def path(self) -> str:
        """The target without its query, as it was sent."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query as it was sent, without the question mark."""
        return self.target.partition("?")[2]


@dataclass(slots=True)
class Reply:
    """What the client gets: bytes at hand, or a stream."""

    status: int
    headers: Headers
    body: bytes = b""
    stream: Stream | None = None


@dataclass(frozen=True)
class Pace:
    """How slow a client may be: so many seconds at first, and from then on bytes per second."""

    grace: float
    minimum_rate: float

    def allowed(self, size: int) -> float:
        """Seconds that so many bytes may take."""
        return self.grace + size / self.minimum_rate


@dataclass(frozen=True, slots=True)
class Limit:
    """A token bucket's size and the microseconds that one token takes to come back."""

    name: str
    capacity: int
    interval_us: int


ORGANIZATION = "organization"
_MINUTE_US = 60_000_000


def organization_share(requests: int) -> Limit:
    """The bucket of an organization with so many requests a minute; none is smaller than one."""
    return Limit(ORGANIZATION, max(1, requests), _MINUTE_US // max(1, requests))


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left in a bucket after asking it for one token; times in microseconds.

    `wait_us` is the time until a token is there, `reset_us` until the bucket is full.
    """

    limit: Limit
    allowed: bool
    remaining: int
    reset_us: int
    wait_us: int


@dataclass(slots=True)
class Exchange:
    """One request on its way down the stages; each stage adds its fields, and nothing else carries state.

    `media_type` is that of documents, `error_type` that of a refusal, or the dialect that the rule names for errors.
    `prefix` is what the client's path has before that of the service: nothing, or `/api/v1`. `api_key` is the API key
    that was sent, where it has the right form. `near` warns of limits that the caller's organization has nearly used.
    """

    request: Request
    started: float
    request_id: str = ""
    gateway_request_id: str = ""
    media_type: str = "application/json"
    error_type: str = "application/json"
    acceptable: bool = True
    segments: tuple[str, ...] = ()
    prefix: str = ""
    rule: RouteRule | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    refusal: ServiceError | None = None
    principal: Principal | None = None
    api_key: str | None = None
    address: str = ""
    quota: Quota | None = None
    near: str = ""
    inner: bool = False
    upstream_headers: Headers = field(default_factory=list)
    reply: Reply | None = None
    refused_by: str | None = None
    code: str | None = None

    @property
    def holder(self) -> str:
        """Whose share of bodies, lanes and answers it takes: that of an organization, a service or an address."""
        caller = self.principal
        if caller is None:
            return f"address {bucket_address(self.address)}"
        return f"organization {caller.org_id}" if caller.kind == "person" else caller.actor


def origin_form(method: str, target: str) -> tuple[str, str] | None:
    """Authority and origin-form of a target in absolute-form (RFC 9112 section 3.2.2); None for one in another form."""
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        return None
    authority, rest = found.groups()
    if not rest and method == "OPTIONS":
        return authority, "*"  # section 3.2.4
    return authority, rest if rest.startswith("/") else f"/{rest}"


def split_path(path: str) -> tuple[str, ...]:
    """The decoded segments of a path. Raises ValueError when two readers could see two paths in it."""
    if not path.startswith("/"):
        raise ValueError("must begin with a slash")
    segments = tuple(path[1:].split("/"))
    if not _PLAIN_PATH.fullmatch(path):
        if _BROKEN_ESCAPE.search(path):
            raise ValueError("has a broken percent escape")
        # UnicodeDecodeError is a ValueError
        segments = tuple(unquote_to_bytes(segment).decode() for segment in segments)
        if any(_AMBIGUOUS.search(segment) for segment in segments):
            raise ValueError("has a character that paths here never have")
    if "." in segments or ".." in segments:
        raise ValueError("has a dot segment")
    return segments


def join_path(segments: Iterable[str]) -> str:
    """The one spelling of a path that services get to see."""
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def end_to_end(headers: Iterable[tuple[str, str]]) -> Headers:
    """The headers that may travel on: none that is hop-by-hop or that Connection names (RFC 9110 section 7.6.1)."""
    kept = list(headers)
    named = {word.strip().lower() for name, value in kept if name.lower() == "connection" for word in value.split(",")}
    dropped = HOP_BY_HOP | named
    return [(name, value) for name, value in kept if name.lower() not in dropped]


def client_address(peer: str, forwarded_for: str | None, trusted_proxies: int) -> str:
    """The client's address, counted from the right: each trusted proxy has appended the one it saw.

    Text that is no address, or a chain shorter than the proxies, counts for nothing: the peer it is.
    """
    if not trusted_proxies or not forwarded_for:
        return peer
    chain = [part.strip() for part in forwarded_for.split(",")]
    candidate = chain[-trusted_proxies] if len(chain) >= trusted_proxies else peer
    address = parse_address(candidate)
    return peer if address is None else str(address)


def take(full_at_us: int, now_us: int, limit: Limit) -> tuple[int, Quota]:
    """Ask a bucket for one token; returns when it will be full again, and what is left.

    The same arithmetic as `token_bucket.lua`: all state is the instant at which the bucket is full. An
    instant further away than an empty bucket takes is a clock that was set back, and counts as empty.
    """
    span = limit.capacity * limit.interval_us
    missing = min(max(full_at_us - now_us, 0), span)
    allowed = missing + limit.interval_us <= span
    if allowed:
        missing += limit.interval_us
    quota = Quota(
        limit=limit,
        allowed=allowed,
        remaining=(span - missing) // limit.interval_us,
        reset_us=missing,
        wait_us=max(missing + limit.interval_us - span, 0),
    )
    return now_us + missing, quota

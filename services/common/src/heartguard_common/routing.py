"""The words of a route table: what a route takes and gives, and what a handler sees of a request."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from heartguard_common.body import Reader
from heartguard_common.errors import NO_HEADERS
from heartguard_common.identity import Principal

DOCUMENT_TYPES = ("application/json", "application/xml", "text/xml")
FORMATS = {"json": "application/json", "xml": "application/xml"}  # of `?format=`
CSV, NDJSON = "text/csv", "application/x-ndjson"
HEALTH_JSON = "application/health+json"
# Offered by a route whose answer has the type it has: bytes that somebody stored are not negotiated about.
ANY_TYPE = ("*/*",)
Encode = Callable[[Any], bytes]
"""The bytes of a document of the route's message, in the format of the answer."""


@dataclass(frozen=True)
class Call:
    """A request as a handler sees it: authenticated, authorized, decoded, and in accordance with its contract.

    `document` and `query` are decoded messages; `params` the variable parts of the path; `stream` the raw
    body of a route with `body="stream"`; `address` the client as the gateway knows it; `claimed_ns` when the request's
    Idempotency-Key was first seen, in nanoseconds since the epoch, where it has one.
    """

    request_id: str
    media_type: str
    params: Mapping[str, str]
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    principal: Principal | None = None
    document: Any = None
    body_type: str | None = None
    stream: Reader | None = None
    content_length: int | None = None
    address: str = ""
    user_agent: str = ""
    claimed_ns: int | None = None

    @property
    def person(self) -> Principal:
        """The caller of a route that the policy opens to persons only."""
        if self.principal is None:
            raise TypeError("a route without a caller asked for one")
        return self.principal


@dataclass(frozen=True)
class Answer:
    """What a handler answers: a document of the route's contract, or a stream of bytes in `media_type`.

    `grown` makes a stream in the format the client chose, from an encoder of the route's message.
    """

    document: Any = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: NO_HEADERS)
    stream: Iterable[bytes] | None = None
    media_type: str | None = None
    grown: Callable[[Encode], Iterable[bytes]] | None = None


@dataclass(frozen=True)
class Route:
    """One row of a service's route table.

    `takes`, `gives` and `query` are names of messages of the contract. `body` says how the request's body is
    read: as a document, as a document that may be missing, as a stream, or not at all. `path` is written as
    in policy.toml, with `{name}` for its variable parts. `offers` are the media types of a good answer.
    `readers` make the document of a body in a format of the route's own, from the bytes and the query.
    An `expensive` route is answered in a lane (`lanes.py`), always or where the call says so, and computes its answer
    within `seconds`, if given.
    """

    method: str
    path: str
    handler: Callable[[Any, Call], Answer]
    takes: str | None = None
    gives: str | None = None
    status: int = 200
    query: str | None = None
    body: Literal["document", "optional", "stream", "none"] = "document"
    accepts: tuple[str, ...] = DOCUMENT_TYPES
    offers: tuple[str, ...] = DOCUMENT_TYPES
    readers: Mapping[str, Callable[[bytes, Mapping[str, Any]], Any]] = field(default_factory=dict)
    idempotent: bool = False
    expensive: bool | Callable[[Call], bool] = False
    seconds: float | None = None

    def costs_much(self, call: Call) -> bool:
        """Whether this call has to have a place in a lane."""
        return self.expensive if isinstance(self.expensive, bool) else self.expensive(call)

"""Route declarations: what a handler sees of a request, what it answers, and what its signature says."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import (
    Any,
    Generic,
    Literal,
    NamedTuple,
    TypeAlias,
    TypedDict,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from heartguard_common.core.errors import NO_HEADERS, ErrorCode
from heartguard_common.http.body import ANY, Reader
from heartguard_common.identity.authentication import Principal

DOCUMENT_TYPES = ("application/json", "application/xml", "text/xml")
FORMATS = {"json": "application/json", "xml": "application/xml"}  # of `?format=`
CSV, NDJSON = "text/csv", "application/x-ndjson"
HEALTH_JSON = "application/health+json"
EVENT_STREAM = "text/event-stream"
# Offered by a route whose answer has the media type of the stored bytes, which is not negotiated.
ANY_TYPE = (ANY,)

DocumentT_co = TypeVar("DocumentT_co", covariant=True)
QueryT_co = TypeVar("QueryT_co", covariant=True)
MessageT_co = TypeVar("MessageT_co", covariant=True)
EncodedT = TypeVar("EncodedT")
CallT = TypeVar("CallT")
UseCasesT = TypeVar("UseCasesT")
UseCasesT_contra = TypeVar("UseCasesT_contra", contravariant=True)

Encode: TypeAlias = Callable[[EncodedT], bytes]
"""The bytes of a document of the route's message, in the format of the answer."""


class NoQuery(TypedDict):
    """The query of a route without parameters."""


@dataclass(frozen=True, kw_only=True)
class Call(Generic[DocumentT_co, QueryT_co]):
    """A request as a handler sees it: authenticated, authorized, decoded, and in accordance with its contract.

    `document` and `query` are decoded messages, `document` None where the route takes none or it may be missing;
    `params` are the variable parts of the path; `address` is the client as the gateway knows it; `claimed_ns` when the
    request's Idempotency-Key was first seen, in nanoseconds since the epoch, where it has one.
    """

    document: DocumentT_co
    query: QueryT_co
    request_id: str
    media_type: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    principal: Principal | None = None
    body_type: str | None = None
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


EmptyCall: TypeAlias = Call[None, NoQuery]
"""A request without a document and without parameters."""


@dataclass(frozen=True, kw_only=True)
class StreamCall(Call[None, QueryT_co], Generic[QueryT_co]):
    """A request whose body is bytes, read from `stream` as they come."""

    stream: Reader


@dataclass(frozen=True)
class Answer(Generic[MessageT_co]):
    """What a handler answers: a document, or None for an answer without a body. `status` None: that of the route."""

    document: MessageT_co
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: NO_HEADERS)


@dataclass(frozen=True)
class StreamAnswer:
    """An answer of bytes in `media_type`, sent as they come: a file, a table, the records of an export."""

    stream: Iterable[bytes]
    media_type: str | None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: NO_HEADERS)


@dataclass(frozen=True)
class DocumentStream(Generic[MessageT_co]):
    """An answer that is one document in the format the client chose, made in parts.

    `stream_with` makes its bytes with an encoder of the message. A `whole` one is made before it is sent, with its
    length.
    """

    stream_with: Callable[[Encode[MessageT_co]], Iterable[bytes]]
    headers: Mapping[str, str] = field(default_factory=lambda: NO_HEADERS)
    whole: bool = False


Reply: TypeAlias = Answer[MessageT_co] | StreamAnswer | DocumentStream[MessageT_co]
Body = Literal["document", "optional", "stream", "none"]
"""How the body of a request is read: as a document, as one that may be missing, as a stream, or not at all."""


class Read(NamedTuple):
    """A body in a format of the route's own: the document to hold against the contract, and what the handler gets.

    The document is None where the reader has done that itself.
    """

    document: object
    value: object


class Signature(NamedTuple):
    """What a handler's signature says: the names of its messages, and how the body of the request is read.

    `streams` says that an answer may be bytes in place of a message.
    """

    takes: str | None
    query: str | None
    gives: str | None
    body: Body
    streams: bool = False


@dataclass(frozen=True)
class Route(Generic[UseCasesT_contra, CallT]):
    """One route of a service.

    The handler's signature says which messages the route takes and gives: the parameters of its `Call` name those of
    the body (`X | None` where it may be missing) and of the query, its `Answer` that of the answer. Raises TypeError
    for a handler that does not say it.

    `path` is written as in policy.toml, with `{name}` for its variable parts. `accepts` are the media types of the
    body, `offers` those of a good answer.
    `readers` read a body in a format of the route's own, from the bytes and the query.
    `raises` are the errors that it adds to those of every route of its kind; an error of a service that no route names
    is one of all its routes. `headers` are those of its good answers that not every answer has.
    An `expensive` route is answered in a lane (`lanes.py`), always or where the call says so, and computes its answer
    within `seconds`, if given.
    """

    method: str
    path: str
    handler: Callable[[UseCasesT_contra, CallT], Reply[object]]
    status: int = 200
    accepts: tuple[str, ...] = DOCUMENT_TYPES
    offers: tuple[str, ...] = DOCUMENT_TYPES
    # The query of a reader is that of the handler, which no type of Python can say here.
    readers: Mapping[str, Callable[[bytes, Any], Read]] = field(default_factory=dict)
    raises: tuple[ErrorCode, ...] = ()
    headers: tuple[str, ...] = ()
    idempotent: bool = False
    expensive: bool | Callable[[CallT], bool] = False
    seconds: float | None = None
    signature: Signature = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "signature", read_signature(self.handler))

    @property
    def takes(self) -> str | None:
        """The name of the message that the body is."""
        return self.signature.takes

    @property
    def query(self) -> str | None:
        """The name of the message that the parameters of the query are."""
        return self.signature.query

    @property
    def gives(self) -> str | None:
        """The name of the message that the answer is."""
        return self.signature.gives

    @property
    def body(self) -> Body:
        """How the body of the request is read."""
        return self.signature.body

    def costs_much(self, call: CallT) -> bool:
        """Whether this call needs a slot in a lane."""
        return self.expensive if isinstance(self.expensive, bool) else self.expensive(call)


AnyCall: TypeAlias = Call[Any, Any]
AnyRoute: TypeAlias = Route[Any, Any]
"""Where routes of all messages are handled alike."""


def read_signature(handler: Callable[..., object]) -> Signature:
    """What a handler's annotations say. Raises TypeError unless it takes one call and returns an answer."""
    hints = get_type_hints(handler)
    answers = _alternatives(hints.pop("return", None))
    calls = [hint for hint in hints.values() if get_origin(hint) in (Call, StreamCall)]
    if len(calls) != 1 or not all(get_origin(hint) in _WITH_MESSAGE or hint is StreamAnswer for hint in answers):
        raise TypeError(f"{handler.__qualname__} must take one Call and return an answer, as its annotations say")
    *documents, query = get_args(calls[0])
    taken = _alternatives(documents[0]) if documents else ()
    takes = _message(handler, taken)
    body: Body = "none" if takes is None else "optional" if NoneType in taken else "document"
    given = [get_args(hint)[0] for hint in answers if get_origin(hint) in _WITH_MESSAGE]
    return Signature(
        takes=takes,
        query=None if query is NoQuery else _message(handler, [query]),
        gives=_message(handler, given),
        body="stream" if get_origin(calls[0]) is StreamCall else body,
        streams=StreamAnswer in answers,
    )


_WITH_MESSAGE = (Answer, DocumentStream)


def _alternatives(hint: object) -> tuple[object, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _message(handler: Callable[..., object], hints: Iterable[object]) -> str | None:
    """The name of the one message among types, None for no type. The others are what `readers` make of a body."""
    found = [hint for hint in hints if hint is not NoneType]
    names = {hint.__name__ for hint in found if isinstance(hint, type) and is_typeddict(hint)}
    if found and len(names) != 1:
        raise TypeError(f"{handler.__qualname__} must name one message at each place: {', '.join(map(str, found))}")
    return names.pop() if names else None

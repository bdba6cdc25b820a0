"""What answers `GET /stream` and `POST /stream/tickets`."""

from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import parse_qsl

from heartguard_common.contract.contracts import Contracts, Violations
from heartguard_common.contract.json_documents import Malformed
from heartguard_common.contract.representation import choose
from heartguard_common.core.errors import (
    FORBIDDEN,
    NOT_ACCEPTABLE,
    UNAUTHENTICATED,
    UNPROCESSABLE,
    ServiceError,
    Violation,
)
from heartguard_common.http.error_rendering import content_type
from heartguard_common.http.routing import DOCUMENT_TYPES, EVENT_STREAM
from heartguard_common.messages import StreamQuery, StreamTicket
from heartguard_gateway.domain import Exchange, Reply
from heartguard_gateway.errors import NO_STREAMS
from heartguard_gateway.streams.hub import Hub
from heartguard_gateway.streams.subscriber import Subscriber
from heartguard_gateway.streams.tickets import TICKET_SECONDS, Tickets
from heartguard_gateway.streams.view import View, view_of

Handler = Callable[[Exchange], Reply]
_HEADERS = (
    ("Content-Type", f"{EVENT_STREAM}; charset=utf-8"),
    ("Cache-Control", "no-store, no-transform"),  # a proxy must not compress: it would hold events back
    ("X-Accel-Buffering", "no"),
)


class Opening:
    """The body of an answer that becomes a stream: the server hands its connection over once the head is sent."""

    unbuffered = True

    def __init__(self, hub: Hub, exchange: Exchange, view: View, last_event_id: str | None) -> None:
        principal, rule = exchange.principal, exchange.rule
        assert principal is not None  # the policy has no such route for anyone
        assert rule is not None
        self._hub = hub
        self._principal = principal
        self._request_id = exchange.request_id
        self._modes = rule.modes
        self._view = view
        self._last_event_id = last_event_id
        self._open = True

    def take_over(self, descriptor: int, *, chunked: bool) -> None:
        """Go on with the connection, whose descriptor is ours now."""
        self._open = False
        subscriber = Subscriber(
            descriptor,
            self._view,
            self._principal,
            self._request_id,
            modes=self._modes,
            chunked=chunked,
            ended=self._hub.ended,
        )
        self._hub.join(subscriber, self._last_event_id)

    def __iter__(self) -> Iterator[bytes]:
        """Nothing: events come later."""
        return iter(())

    def close(self) -> None:
        """Give the place back, if the connection was not handed over."""
        if self._open:
            self._open = False
            self._hub.release(self._principal)


class StreamRoutes:
    """The handlers; without a hub, in the gateway itself, streams are refused: it gives their connections away."""

    def __init__(self, contracts: Contracts, tickets: Tickets, hub: Hub | None) -> None:
        self._contracts = contracts
        self._tickets = tickets
        self._hub = hub

    @property
    def table(self) -> dict[str, Handler]:
        """The functions by the ids of their rules."""
        return {"stream.open": self.open, "stream.create_ticket": self.create_ticket}

    def open(self, exchange: Exchange) -> Reply:
        """A live stream."""
        query = self._query(exchange)
        if choose(exchange.request.headers.get("accept"), (EVENT_STREAM,)) is None:
            raise ServiceError(NOT_ACCEPTABLE)
        principal = exchange.principal
        assert principal is not None
        topics = frozenset(query.get("topics", "points").split(","))
        # `Accept` names the stream's own type, so the format of its documents is asked for in the query.
        xml = "format=xml" in exchange.request.query
        media_type = "application/xml" if xml else "application/json"
        view = view_of(principal, topics, query.get("measurement"), query.get("user_id"), media_type)
        if view.person is not None and view.asked not in (None, view.person):
            raise ServiceError(FORBIDDEN)
        if not view.topics:
            raise ServiceError(FORBIDDEN, "This API key may not do that")
        if exchange.request.method == "HEAD":
            return Reply(200, list(_HEADERS))
        if self._hub is None:
            raise ServiceError(NO_STREAMS, headers={"Retry-After": "2"})
        last = exchange.request.headers.get("last-event-id") or query.get("last_event_id")
        self._hub.admit(principal)
        return Reply(200, list(_HEADERS), stream=Opening(self._hub, exchange, view, last))

    def create_ticket(self, exchange: Exchange) -> Reply:
        """A ticket for one stream."""
        _refuse_query(exchange)
        authorization = exchange.request.headers.get("authorization")
        if authorization is None:
            raise ServiceError(UNAUTHENTICATED)
        media_type = choose(exchange.request.headers.get("accept"), DOCUMENT_TYPES)
        media_type = exchange.media_type if "format=" in exchange.request.query else media_type
        if media_type is None:
            raise ServiceError(NOT_ACCEPTABLE)
        document: StreamTicket = {"ticket": self._tickets.issue(authorization), "expires_in": TICKET_SECONDS}
        body = self._contracts["StreamTicket"].encode(document, media_type)
        return Reply(201, [("Content-Type", content_type(media_type)), ("Cache-Control", "no-store")], body)

    def _query(self, exchange: Exchange) -> StreamQuery:
        pairs = parse_qsl(exchange.request.query, keep_blank_values=True)
        _refuse_format(pairs)
        try:
            found: Any = self._contracts["StreamQuery"].decode_query(pair for pair in pairs if pair[0] != "format")
        except (Violations, Malformed) as error:
            details = error.violations if isinstance(error, Violations) else ()
            raise ServiceError(UNPROCESSABLE, details=details) from error
        return cast("StreamQuery", found)


def _refuse_query(exchange: Exchange) -> None:
    pairs = parse_qsl(exchange.request.query, keep_blank_values=True)
    _refuse_format(pairs)
    strange = [Violation(f"/{name}", "is not a parameter of this route") for name, _ in pairs if name != "format"]
    if strange:
        raise ServiceError(UNPROCESSABLE, details=strange)


def _refuse_format(pairs: list[tuple[str, str]]) -> None:
    if any(name == "format" and value not in ("json", "xml") for name, value in pairs):
        raise ServiceError(UNPROCESSABLE, details=[Violation("/format", "must be json or xml")])

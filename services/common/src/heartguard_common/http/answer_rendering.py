"""From what a handler answers to Flask's response."""

from collections.abc import Mapping
from functools import partial

from flask import Response, g, request

from heartguard_common.contract.contracts import Violations
from heartguard_common.core.errors import INTERNAL, ServiceError
from heartguard_common.http import error_rendering, etag
from heartguard_common.http.routing import Answer, AnyRoute, DocumentStream, Reply, StreamAnswer
from heartguard_common.http.web_dependencies import WebDependencies
from heartguard_common.identity.policy import RouteRule


class AnswerRenderer:
    """Renders the answers of one route in the representation that the client chose."""

    def __init__(self, web: WebDependencies, route: AnyRoute, rule: RouteRule) -> None:
        self._route = route
        self._rule = rule
        self._message = None if route.gives is None else web.contracts[route.gives]
        self._lanes = web.lanes
        self._check_answers = web.check_answers
        self._log = web.log

    def response(self, answer: Reply[object]) -> Response:
        """The response; 304 without a body where `If-None-Match` names the answer's ETag.

        Raises GEN_500 for a document that breaks its contract, where that is checked; GEN_503_BUSY where a long answer
        gets no slot.
        """
        if isinstance(answer, DocumentStream):
            stream = answer.stream_with(partial(self._encoded, media_type=g.media_type))
            media_type = error_rendering.content_type(g.media_type)
            if answer.whole:
                return Response(b"".join(stream), self._route.status, dict(answer.headers), content_type=media_type)
            return self._streamed(StreamAnswer(stream, media_type, headers=answer.headers))
        if isinstance(answer, StreamAnswer):
            return self._streamed(answer)
        self._require_valid(answer.document)
        return self._document(answer)

    def _streamed(self, answer: StreamAnswer) -> Response:
        status = answer.status or self._route.status
        stream = self._lanes.sending(g.principal, answer.stream) if self._route.expensive else answer.stream
        response = Response(stream, status, dict(answer.headers), content_type=answer.media_type)
        if request.method == "HEAD" or status == 304:
            # Werkzeug sends no body then, and would leave the stream open.
            response.close()
        return response

    def _document(self, answer: Answer[object]) -> Response:
        status, headers = answer.status or self._route.status, dict(answer.headers)
        if self._message is None or answer.document is None:
            return _empty(status, headers)
        tag = headers.get("ETag")
        condition = request.headers.get("If-None-Match")
        if tag and condition and request.method in ("GET", "HEAD") and etag.matches(condition, tag):
            return _empty(304, headers)
        body = self._message.encode(answer.document, g.media_type)
        return Response(body, status, headers, content_type=error_rendering.content_type(g.media_type))

    def _encoded(self, document: object, media_type: str) -> bytes:
        assert self._message is not None  # only routes with a message answer with one
        self._require_valid(document)
        return self._message.encode(document, media_type)

    def _require_valid(self, document: object) -> None:
        if self._message is None or not self._check_answers:
            return
        try:
            self._message.check(document)
        except Violations as error:
            places = ", ".join(f"{violation.path}: {violation.message}" for violation in error.violations)
            self._log.exception("an answer of %s breaks its contract at %s", self._rule.id, places)
            raise ServiceError(INTERNAL) from error


def _empty(status: int, headers: Mapping[str, str]) -> Response:
    response = Response(b"", status, headers)
    # Werkzeug would call the nothing in it text/html.
    del response.headers["Content-Type"]
    return response

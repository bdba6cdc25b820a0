"""The view function of a route: access, decoding, the handler, the answer."""

from functools import partial

from flask import Response

from heartguard_common.http.access_control import AccessControl
from heartguard_common.http.answer_rendering import AnswerRenderer
from heartguard_common.http.call_decoding import CallDecoder
from heartguard_common.http.idempotent_requests import IdempotentRequests
from heartguard_common.http.routing import AnyCall, AnyRoute
from heartguard_common.http.web_dependencies import WebDependencies
from heartguard_common.identity.policy import RouteRule


class Endpoint:
    """One route, compiled: everything that does not depend on the request is looked up once, at the start."""

    def __init__(self, web: WebDependencies, route: AnyRoute, rule: RouteRule, usecases: object) -> None:
        self.route = route
        self.rule = rule
        self._lanes = web.lanes
        self._access = AccessControl(web, rule)
        self._decoder = CallDecoder(web, route, rule)
        self._renderer = AnswerRenderer(web, route, rule)
        self._idempotent = IdempotentRequests(web, route, rule)
        self._handle = partial(route.handler, usecases)
        self.__name__ = self.__qualname__ = rule.id  # as extensions of Flask ask of a view

    def __call__(self, **params: str) -> Response:
        """Answer one request. Raises `ServiceError` for what refuses it, which `web.handle_errors` renders."""
        principal = self._access.require_allowed()
        recheck = self._access.recheck(principal)
        call, request_hash = self._decoder.decode(principal, params, recheck)
        recheck.require_active()
        if principal is None or not self.route.costs_much(call):
            return self._idempotent.answer(call, request_hash, self._respond)
        with self._lanes.computing(principal, self.route.seconds):
            recheck.require_active()  # once more, because the wait for a slot takes seconds too
            return self._idempotent.answer(call, request_hash, self._respond)

    def _respond(self, call: AnyCall) -> Response:
        return self._renderer.response(self._handle(call))

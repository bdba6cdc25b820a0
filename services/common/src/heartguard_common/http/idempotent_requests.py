"""A request with an Idempotency-Key: answered once, and then from what is kept of that answer."""

from collections.abc import Callable
from dataclasses import replace

from flask import Response, request

from heartguard_common.core.errors import UNPROCESSABLE, ServiceError, Violation
from heartguard_common.http.idempotency import Recorded
from heartguard_common.http.routing import AnyCall, AnyRoute
from heartguard_common.http.web_dependencies import WebDependencies
from heartguard_common.identity.policy import RouteRule

_LONGEST = 255  # characters of a key


class IdempotentRequests:
    """Answers the requests of one route, those with a key once."""

    def __init__(self, web: WebDependencies, route: AnyRoute, rule: RouteRule) -> None:
        self._keys = web.keys if route.idempotent else None
        self._authority = web.authority
        self._route_id = rule.id

    def answer(self, call: AnyCall, request_hash: str, respond: Callable[[AnyCall], Response]) -> Response:
        """What `respond` makes of the call, or made of it before.

        Raises GEN_422 for a key of another form, and what `IdempotencyKeys.once` raises.
        """
        key = request.headers.get("Idempotency-Key")
        keys, principal = self._keys, call.principal
        if key is None or keys is None or principal is None:
            return respond(call)
        if not 1 <= len(key) <= _LONGEST or not key.isprintable():
            violation = Violation("", f"Idempotency-Key must be 1 to {_LONGEST} printable characters")
            raise ServiceError(UNPROCESSABLE, details=(violation,))
        made: list[Response] = []

        def record(claimed_ns: int) -> Recorded:
            response = respond(replace(call, claimed_ns=claimed_ns))
            if self._authority is not None and principal.kind == "person":
                # The answer that is kept is the caller's data too.
                self._authority.require_writer(principal)
            made.append(response)
            kept = {name: value for name, value in response.headers.items() if name != "Content-Length"}
            return Recorded(response.status_code, kept, response.get_data())

        recorded = keys.once(principal.actor, self._route_id, key, request_hash, record, principal.org_id)
        return made[0] if made else Response(recorded.body, recorded.status, recorded.headers)

"""Who calls a route, and whether they may."""

from flask import g, request

from heartguard_common.contract.error_documents import INFLUXDB_1
from heartguard_common.core.trace import GATEWAY_REQUEST_ID
from heartguard_common.http.current_request import from_inner_network
from heartguard_common.http.revocation_recheck import RevocationRecheck
from heartguard_common.http.web_dependencies import WebDependencies
from heartguard_common.identity.api_key import key_of
from heartguard_common.identity.authentication import Principal, bearer_token
from heartguard_common.identity.policy import RouteRule, authorize
from heartguard_common.identity.revocation import Revocations


class AccessControl:
    """Authenticates the callers of one route and authorizes them by its rule."""

    def __init__(self, web: WebDependencies, rule: RouteRule) -> None:
        self._rule = rule
        self._authenticator = web.authenticator
        self._revocations = web.revocations
        self._trusted_seconds = web.trusted_seconds
        self._api_keys = web.api_keys

    def require_allowed(self) -> Principal | None:
        """The caller, None where the route needs none; `g.principal` is set also where the caller is refused.

        Raises GEN_401, GEN_401_TOKEN, GEN_403 and those of modes; GEN_503 when keys or revocations can't be had.
        """
        principal = g.principal = self._authenticate()
        authorize(self._rule, principal, inner=from_inner_network())
        if principal is not None and principal.api_key is not None:
            principal.api_key.require_network(g.address)
            if self._api_keys is not None and not GATEWAY_REQUEST_ID.get():  # the gateway records its requests itself
                self._api_keys.uses.record(principal, g.address)
        return principal

    def recheck(self, principal: Principal | None) -> RevocationRecheck:
        """Asks again later, while or after the body arrives, whether the caller's token was revoked."""
        header = self._authorization()
        if principal is not None and principal.api_key is not None and self._api_keys is not None:
            secret = key_of(header, self._rule.errors)
            return self._recheck(self._api_keys.revocations, principal, secret)
        return self._recheck(self._revocations, principal, bearer_token(header))

    def _recheck(
        self, revocations: Revocations, principal: Principal | None, credential: str | None
    ) -> RevocationRecheck:
        return RevocationRecheck(revocations, principal, credential, self._trusted_seconds, self._rule.modes)

    def _authenticate(self) -> Principal | None:
        if self._rule.credentials == "ignored":
            return None
        header = self._authorization()
        if self._rule.who == "inner" and header is None:
            return None
        principal = self._authenticator.identify(header, self._rule.errors)
        if principal is not None and principal.kind == "service":
            GATEWAY_REQUEST_ID.set(request.headers.get("X-Gateway-Request-ID"))
        if principal is not None and principal.api_key is not None:
            return principal  # confirmed already
        if principal is not None and principal.kind == "person":
            return principal.in_mode(self._revocations.require_active(principal, bearer_token(header) or ""))
        return principal

    def _authorization(self) -> str | None:
        """The `Authorization` header; for clients of InfluxDB 1, which may send none, made of the query's `p`."""
        header = request.headers.get("Authorization")
        if header is None and self._rule.errors == INFLUXDB_1:
            # the gateway has done the same, and passes no password on in a query
            password = request.args.get("p")
            return None if password is None else f"Token {password}"
        return header

"""Introspection of tokens for services."""

from heartguard_auth.accounts.ports import Accounts
from heartguard_auth.api_keys.usecases.keys import ApiKeyUseCases
from heartguard_auth.revocations.ports import RevocationList
from heartguard_auth.sessions.ports import Sessions
from heartguard_auth.shared.ports import CommonPorts
from heartguard_common import messages
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import INVALID_TOKEN, ServiceError
from heartguard_common.identity.api_key import is_key
from heartguard_common.identity.authentication import Principal, TokenVerifier


class IntrospectionUseCases:
    """Introspection (RFC 7662)."""

    def __init__(
        self,
        common: CommonPorts,
        *,
        accounts: Accounts,
        sessions: Sessions,
        revocations: RevocationList,
        verifier: TokenVerifier,
        keys: ApiKeyUseCases,
    ) -> None:
        self._common = common
        self._accounts = accounts
        self._sessions = sessions
        self._revocations = revocations
        self._verifier = verifier
        self._keys = keys

    def introspect(self, token: str | None, token_id: str | None) -> messages.Introspection:
        """The claims of an active token, or of that with a `jti` (RFC 7662 section 2.2); else only `active: false`."""
        if token is not None and is_key(token):
            return self.introspect_key(token)
        if token is not None:
            return self._introspect_token(token)
        found = self._sessions.by_access_token(token_id or "")
        if found is None:
            return {"active": False}
        issued, session = found
        account = self._accounts.by_id(session.user_id)
        if account is None:
            return {"active": False}
        principal = Principal(
            kind="person",
            role=account.role,
            user_id=account.id,
            org_id=account.org_id,
            token_id=issued.access_token_id,
            session_id=session.id,
            key_id=issued.access_key_id,
            issued_at=issued.created_at // NANOSECONDS,
            expires_at=issued.access_expires_at // NANOSECONDS,
        )
        return self._introspection(principal)

    def introspect_key(self, secret: str) -> messages.Introspection:
        """What a valid API key is, with the rights that the person who is responsible has now."""
        found = self._keys.find(secret)
        if found is None or found.role is None:
            return {"active": False}
        key = found.key
        return {
            "active": True,
            "sub": str(key.created_by),
            "role": found.role,
            "org_id": key.org_id,
            "mode": self._revocations.mode(key.org_id),
            "exp": found.valid_until // NANOSECONDS,
            # A key that was remembered before a restored backup is looked up again.
            "iat": self._common.clock.now_ns() // NANOSECONDS,
            "jti": key.id,
            "api_key": {
                "kind": key.kind,
                "version": key.version,
                "scopes": list(key.scopes),
                "buckets": list(key.buckets),
                "networks": list(key.networks),
            },
        }

    def _introspect_token(self, token: str) -> messages.Introspection:
        try:
            return self._introspection(self._verifier.verify(token))
        except ServiceError as error:
            if error.error_code is INVALID_TOKEN:
                return {"active": False}
            raise

    def _introspection(self, principal: Principal) -> messages.Introspection:
        expired = principal.expires_at * NANOSECONDS <= self._common.clock.now_ns()
        if expired or self._revocations.holds(principal):
            return {"active": False}
        assert principal.org_id is not None  # every person has one
        return {
            "active": True,
            "sub": str(principal.user_id),
            "role": principal.person_role,
            "org_id": principal.org_id,
            "mode": self._revocations.mode(principal.org_id),
            "exp": principal.expires_at,
            "iat": principal.issued_at,
            "jti": principal.token_id or "",
        }

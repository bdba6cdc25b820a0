"""Introspection of tokens for services, and the key set by which anybody verifies them."""

from heartguard_auth.usecases.dependencies import Stores
from heartguard_common import messages
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import INVALID_TOKEN, ServiceError
from heartguard_common.identity.authentication import Principal


class Introspection:
    """Introspection (RFC 7662) and the public keys."""

    def __init__(self, stores: Stores) -> None:
        self._s = stores

    def introspect(self, token: str | None, token_id: str | None) -> messages.Introspection:
        """What a token or a `jti` stands for (RFC 7662 section 2.2); only `active: false` for anything else."""
        if token is not None:
            return self._introspect_token(token)
        found = self._s.sessions.by_access_token(token_id or "")
        if found is None:
            return {"active": False}
        issued, session = found
        account = self._s.accounts.by_id(session.user_id)
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

    def _introspect_token(self, token: str) -> messages.Introspection:
        try:
            return self._introspection(self._s.verifier.verify(token))
        except ServiceError as error:
            if error.error_code is INVALID_TOKEN:
                return {"active": False}
            raise

    def _introspection(self, principal: Principal) -> messages.Introspection:
        expired = principal.expires_at * NANOSECONDS <= self._s.clock.now_ns()
        if expired or self._s.revocations.holds(principal):
            return {"active": False}
        assert principal.org_id is not None  # as of every person
        return {
            "active": True,
            "sub": str(principal.user_id),
            "role": principal.person_role,
            "org_id": principal.org_id,
            "exp": principal.expires_at,
            "iat": principal.issued_at,
            "jti": principal.token_id or "",
        }

    def public_keys(self) -> list[messages.JwkDocument]:
        """The keys that verify our tokens, as JWKs."""
        return self._s.signer.public_keys()

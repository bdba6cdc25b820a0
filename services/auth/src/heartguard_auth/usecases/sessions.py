"""Sessions: one per login, with access tokens and rotating refresh tokens."""

from dataclasses import replace

from heartguard_auth.domain import (
    GRACE_SECONDS,
    SESSION_SECONDS,
    Account,
    Device,
    RefreshToken,
    Session,
    TokenPair,
    digest,
)
from heartguard_auth.errors import BAD_CREDENTIALS, LOCKED, REFRESH_REFUSED
from heartguard_auth.usecases.dependencies import Rules, Stores
from heartguard_auth.usecases.guessing import Guard
from heartguard_auth.usecases.session_revocation import revoking_sessions
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import NOT_FOUND, ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_common.identity.authentication import Principal


class SessionUseCases:
    """Login, refresh and logout."""

    def __init__(self, rules: Rules, stores: Stores, guard: Guard) -> None:
        self._rules = rules
        self._s = stores
        self._guard = guard

    def login(self, email: str, password: str, device: Device) -> TokenPair:
        """Begin a session. Raises AUTH_001 for whatever is wrong, AUTH_009 for who guesses; unknown addresses alike."""
        subjects = self._s.guesses.subjects(email, device.address)
        account, locked_until = self._s.accounts.by_email_and_lock(email, subjects)
        try:
            with self._guard.attempt(email, device.address, locked_until):
                proven = self._proven(account, password)
                pair = self._begin(proven, password, device)
        except ServiceError as error:
            if error.error_code in (BAD_CREDENTIALS, LOCKED):
                self._s.denied("auth.login", account, error.error_code.code)
            raise
        return pair

    def _proven(self, account: Account | None, password: str) -> Account:
        """The account, if that is its password; without an account it takes as long to say no."""
        right = self._s.hasher.verify(account.password_hash if account else None, password)
        if account is None or not right or not account.active:
            raise ServiceError(BAD_CREDENTIALS)
        return account

    def _begin(self, account: Account, password: str, device: Device) -> TokenPair:
        now = self._s.clock.now_ns()
        session = Session(
            id=uuid7(self._s.clock),
            user_id=account.id,
            created_at=now,
            last_used_at=now,
            expires_at=now + SESSION_SECONDS * NANOSECONDS,
            address=device.address,
            user_agent=device.user_agent,
        )
        pair, token = self._issue(account, session)
        # A password change, a reset or an erasure at this moment must not miss the session that begins here.
        event = self._s.audit.event(_person(account), "auth.login", f"session:{session.id}")
        if not self._s.sessions.open(self._renewed(account, password), session, token, event):
            raise ServiceError(BAD_CREDENTIALS)
        self._end_surplus(account)
        return pair

    def _end_surplus(self, account: Account) -> None:
        """End the sessions that were used least recently, where a person has more than may be open."""
        most = max(1, self._s.limits.value(account.org_id, "sessions_per_member"))
        if self._s.sessions.count_open(account.id) <= most:
            return
        self._s.limits.refused("sessions_per_member")
        with revoking_sessions(self._rules, self._s) as end:
            ids = self._s.sessions.surplus(account.id, most)
            end(ids, "more sessions than may be open")
            payload = {"ended": len(ids), "limit": most}
            self._s.audit.changed(_person(account), "auth.sessions_ended", f"user:{account.id}", payload=payload)

    def _renewed(self, account: Account, password: str) -> Account:
        """The account with its password hashed anew, where the parameters have changed since."""
        if not self._s.hasher.outdated(account.password_hash):
            return account
        hashed = self._s.hasher.hash(password)
        self._s.accounts.set_password(account, hashed)
        return replace(account, password_hash=hashed)

    def refresh(self, refresh_token: str) -> TokenPair:
        """Exchange a refresh token for the next pair (RFC 9700 section 4.14.2).

        A token that was exchanged before ends its session, unless that was within 10 seconds and its
        successor is unused: parallel refreshes and lost answers get the same pair again. Raises AUTH_003.
        """
        with revoking_sessions(self._rules, self._s) as end:
            token, session = self._usable(refresh_token)
            account = self._s.accounts.by_id(session.user_id)
            if account is None or not account.active:
                raise ServiceError(REFRESH_REFUSED)
            if token is not None and token.used_at is None:
                pair, successor = self._issue(account, session)
                # Before the commit: an exchange whose answer could not be kept must not have happened.
                self._s.grace.keep(refresh_token, pair)
                self._s.sessions.replace(token.digest, successor)
                return pair
            again = self._again(token, refresh_token) if token is not None else None
            if again is not None:
                return again
            end([session.id], "refresh token reuse")
        self._s.audit.changed(
            _person(account), "auth.refresh", f"session:{session.id}", outcome="denied", reason="reuse"
        )
        raise ServiceError(REFRESH_REFUSED)

    def _usable(self, text: str) -> tuple[RefreshToken | None, Session]:
        """A token that has not expired, and its session. Raises AUTH_003.

        None: it was issued here and is not stored any more, because it was exchanged long ago.
        """
        now = self._s.clock.now_ns()
        found = self._s.sessions.find(digest(text))
        if found is not None and not found[1].ended and min(found[0].expires_at, found[1].expires_at) > now:
            return found
        session_id = self._s.refresh_tokens.session_of(text, now) if found is None else None
        session = self._s.sessions.open_session(session_id) if session_id else None
        if session is None or session.expires_at <= now:
            raise ServiceError(REFRESH_REFUSED)
        return None, session

    def _again(self, token: RefreshToken, text: str) -> TokenPair | None:
        """The pair that this used token was exchanged for, if it may be returned once more."""
        recent = self._s.clock.now_ns() - (token.used_at or 0) < GRACE_SECONDS * NANOSECONDS
        successor = self._s.sessions.token(token.replaced_by) if token.replaced_by else None
        if not recent or successor is None or successor.used_at is not None:
            return None
        return self._s.grace.find(text)

    def trusts(self, origin: str | None) -> bool:
        """Whether a page of that origin may use the refresh cookie."""
        return origin in self._rules.allowed_origins

    def logout(self, principal: Principal, scope: str) -> None:
        """End this session, or all of the caller's; their tokens stop counting at once."""
        with revoking_sessions(self._rules, self._s) as end:
            ids = [principal.session_id or ""]
            if scope == "all":
                ids = sorted({*ids, *self._s.sessions.open_of([principal.user_id or 0])})
            end(ids, "logout")
            self._s.audit.changed(principal, "auth.logout", f"session:{principal.session_id}", payload={"scope": scope})

    def of(self, principal: Principal) -> list[Session]:
        """The caller's sessions, last used first; those that ran out are not among them."""
        return self._s.sessions.list_open(principal.user_id or 0)

    def end(self, principal: Principal, session_id: str) -> None:
        """End one of the caller's sessions. Raises GEN_404 for somebody else's, and for one that has ended."""
        with revoking_sessions(self._rules, self._s) as end:
            if session_id not in self._s.sessions.open_of([principal.user_id or 0]):
                raise ServiceError(NOT_FOUND)
            end([session_id], "ended by its owner")
            self._s.audit.changed(principal, "auth.session_ended", f"session:{session_id}")

    def _issue(self, account: Account, session: Session) -> tuple[TokenPair, RefreshToken]:
        """A new pair for a session, and the refresh token as it is to be stored."""
        now = self._s.clock.now_ns()
        issued_at = now // NANOSECONDS
        expires_at = issued_at + self._rules.access_seconds
        token_id = uuid7(self._s.clock)
        access, key_id = self._s.signer.sign(
            {
                "sub": str(account.id),
                "role": account.role,
                "org_id": account.org_id,
                "iat": issued_at,
                "exp": expires_at,
                "jti": token_id,
                "iss": self._rules.issuer,
                "aud": self._rules.audience,
                "sid": session.id,
            }
        )
        refresh_expires = min(now + self._rules.refresh_seconds * NANOSECONDS, session.expires_at)
        text = self._s.refresh_tokens.make(session.id, refresh_expires)
        token = RefreshToken(
            digest=digest(text),
            session_id=session.id,
            created_at=now,
            expires_at=refresh_expires,
            access_token_id=token_id,
            access_expires_at=expires_at * NANOSECONDS,
            access_key_id=key_id,
            signed=True,
        )
        left = (refresh_expires - now) // NANOSECONDS
        return TokenPair(access, text, self._rules.access_seconds, left), token


def _person(account: Account) -> Principal:
    """The principal of an account whose password was just checked."""
    return Principal(kind="person", role=account.role, user_id=account.id, org_id=account.org_id)

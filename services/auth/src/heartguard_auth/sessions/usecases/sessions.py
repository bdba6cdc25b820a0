"""Sessions: one per login, with access tokens and rotating refresh tokens."""

from collections.abc import Callable
from dataclasses import replace

from heartguard_auth.accounts.domain import Account
from heartguard_auth.accounts.ports import Accounts, Hasher, Identities
from heartguard_auth.accounts.usecases import record_refusal
from heartguard_auth.errors import BAD_CREDENTIALS, EMAIL_UNCONFIRMED, LOCKED, MEMBERSHIP_LOCKED, REFRESH_REFUSED
from heartguard_auth.login_attempts.usecases import LoginLimiter
from heartguard_auth.sessions.domain import (
    REPLAY_SECONDS,
    SESSION_SECONDS,
    Device,
    NewSession,
    RefreshToken,
    Session,
    TokenPair,
)
from heartguard_auth.sessions.ports import LoginAccounts, RefreshReplays, RefreshTokens, Sessions
from heartguard_auth.sessions.usecases.identity_sessions import IdentitySessions, person
from heartguard_auth.sessions.usecases.revocation import SessionRevocation
from heartguard_auth.shared.domain import digest
from heartguard_auth.shared.ports import CommonPorts, Rules
from heartguard_auth.signing_keys.ports import Signer
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import INVALID_TOKEN, NOT_FOUND, ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_common.identity.authentication import Principal


class SessionUseCases:
    """Login, refresh and logout."""

    def __init__(
        self,
        rules: Rules,
        common: CommonPorts,
        *,
        accounts: Accounts,
        identities: Identities,
        login_accounts: LoginAccounts,
        hasher: Hasher,
        limiter: LoginLimiter,
        sessions: Sessions,
        identity_sessions: IdentitySessions,
        revocation: SessionRevocation,
        refresh_tokens: RefreshTokens,
        replays: RefreshReplays,
        signer: Signer,
        count: Callable[[str, str], object] = lambda _kind, _result: None,
    ) -> None:
        """`count` gets `login` or `refresh` with its result: `success`, an error code, or `replay` for a refresh."""
        self._rules = rules
        self._count = count
        self._common = common
        self._accounts = accounts
        self._identities = identities
        self._login_accounts = login_accounts
        self._hasher = hasher
        self._limiter = limiter
        self._sessions = sessions
        self._identity_sessions = identity_sessions
        self._revocation = revocation
        self._refresh_tokens = refresh_tokens
        self._replays = replays
        self._signer = signer

    def login(self, email: str, password: str, device: Device, org_id: int | None = None) -> NewSession:
        """Begin a session, for the membership in an organization; without `org_id` for the last used one.

        Raises AUTH_001 for an unknown address, a wrong password, an inactive account and another organization alike,
        and AUTH_009 after too many failures, for unknown addresses too. Raises AUTH_073 for the right password where an
        address has to be confirmed before.
        """
        subjects = self._limiter.subjects(email, device.address)
        account, locked_until = self._login_accounts.find(email, subjects, org_id)
        try:
            with self._limiter.attempt(email, device.address, locked_until):
                verified = self._verified(account, password)
                begun = self._begin(verified, password, device)
        except ServiceError as error:
            if error.error_code in (BAD_CREDENTIALS, LOCKED, EMAIL_UNCONFIRMED):
                record_refusal(self._common.audit, "auth.login", account, error.error_code.code)
            self._count("login", error.error_code.code)
            raise
        self._count("login", "success")
        return begun

    def _verified(self, account: Account | None, password: str) -> Account:
        """The account, if that is its password. Raises AUTH_001, after the same time where there is no account."""
        right = self._hasher.verify(account.password_hash if account else None, password)
        if account is None or not right or not account.active:
            raise ServiceError(BAD_CREDENTIALS)
        if self._rules.email_confirmation == "login" and not account.email_confirmed:
            raise ServiceError(EMAIL_UNCONFIRMED)
        return account

    def _begin(self, account: Account, password: str, device: Device) -> NewSession:
        """Raises AUTH_001 where the account changes meanwhile."""
        session = self._new(account, device)
        pair, token = self._issue(account, session)
        # A concurrent password change, reset or erasure must not miss the session that begins here.
        event = self._common.audit.event(person(account), "auth.login", f"session:{session.id}")
        if not self._sessions.open(self._rehashed(account, password), session, token, event):
            raise ServiceError(BAD_CREDENTIALS)
        return self._begun(account, pair)

    def switch(self, principal: Principal, org_id: int, device: Device) -> NewSession:
        """Begin a session for another membership of the caller's identity; the present one goes on.

        Raises GEN_404 where the identity has no membership in that organization, AUTH_070 where it is locked, and
        GEN_401_TOKEN where the caller's session or password has ended meanwhile.
        """
        account = self._own(principal)
        wanted = next((it for it in self._identities.memberships(account) if it.org_id == org_id), None)
        if wanted is None:
            raise ServiceError(NOT_FOUND)
        if not wanted.active:
            raise ServiceError(MEMBERSHIP_LOCKED)
        other = self._accounts.by_id(wanted.user_id)
        if other is None:
            raise ServiceError(NOT_FOUND)
        session = self._new(other, device)
        pair, token = self._issue(other, session)
        event = self._common.audit.event(person(other), "auth.switch", f"session:{session.id}")
        with self._common.transactions.transaction():
            # After `other` was read: a password that was reset before this has ended the caller's session, and one
            # that is reset after this is no longer that of `other`.
            self._common.authority.require_writer(principal)
            if not self._sessions.open(other, session, token, event):
                raise ServiceError(INVALID_TOKEN)
        return self._begun(other, pair)

    def _own(self, principal: Principal) -> Account:
        account = self._accounts.by_id(principal.user_id or 0)
        if account is None:
            raise ServiceError(INVALID_TOKEN)
        return account

    def _begun(self, account: Account, pair: TokenPair) -> NewSession:
        self._end_surplus(account)
        if not account.several:
            return NewSession(pair, account.id)
        self._identities.used(account)
        return NewSession(pair, account.id, self._identities.memberships(account))

    def _new(self, account: Account, device: Device) -> Session:
        now = self._common.clock.now_ns()
        return Session(
            id=uuid7(self._common.clock),
            user_id=account.id,
            created_at=now,
            last_used_at=now,
            expires_at=now + SESSION_SECONDS * NANOSECONDS,
            address=device.address,
            user_agent=device.user_agent,
        )

    def _end_surplus(self, account: Account) -> None:
        """End the sessions that were used least recently, where a person has more open sessions than allowed."""
        most = max(1, self._common.limits.value(account.org_id, "sessions_per_member"))
        if self._sessions.count_open(account.id) <= most:
            return
        self._common.limits.refused("sessions_per_member")
        with self._revocation.transaction() as end:
            ids = self._sessions.surplus(account.id, most)
            end(ids, "more sessions than may be open")
            payload = {"ended": len(ids), "limit": most}
            self._common.audit.changed(person(account), "auth.sessions_ended", f"user:{account.id}", payload=payload)

    def _rehashed(self, account: Account, password: str) -> Account:
        """The account, with its password hashed again where the parameters of the hash have changed."""
        if not self._hasher.outdated(account.password_hash):
            return account
        hashed = self._hasher.hash(password)
        self._identities.set_password(account, hashed, own=False)
        return replace(account, password_hash=hashed)

    def refresh(self, refresh_token: str) -> TokenPair:
        """Exchange a refresh token for the next pair (RFC 9700 section 4.14.2).

        A token that was exchanged before ends its session, unless the exchange was within the last 10 seconds and its
        successor is unused: then the same pair is returned again, for parallel refreshes and lost answers. Raises
        AUTH_003.
        """
        try:
            pair, result = self._exchanged(refresh_token)
        except ServiceError as error:
            self._count("refresh", error.error_code.code)
            raise
        self._count("refresh", result)
        return pair

    def _exchanged(self, refresh_token: str) -> tuple[TokenPair, str]:
        """The next pair, or the same one again, and which of them it is: `success` or `replay`. Raises AUTH_003."""
        with self._revocation.transaction() as end:
            token, session = self._usable(refresh_token)
            account = self._accounts.by_id(session.user_id)
            if account is None or not account.active:
                raise ServiceError(REFRESH_REFUSED)
            if token is not None and token.used_at is None:
                pair, successor = self._issue(account, session)
                # Before the commit: an exchange whose answer can't be stored could not be repeated.
                self._replays.store(refresh_token, pair)
                self._sessions.replace(token.digest, successor)
                return pair, "success"
            replay = self._replay(token, refresh_token) if token is not None else None
            if replay is not None:
                return replay, "replay"
            end([session.id], "refresh token reuse")
        self._common.audit.changed(
            person(account), "auth.refresh", f"session:{session.id}", outcome="denied", reason="reuse"
        )
        raise ServiceError(REFRESH_REFUSED)

    def _usable(self, text: str) -> tuple[RefreshToken | None, Session]:
        """A token that has not expired, and its session. Raises AUTH_003.

        The token is None where it was issued here but is no longer stored, because it was exchanged long ago.
        """
        now = self._common.clock.now_ns()
        found = self._sessions.find(digest(text))
        if found is not None and not found[1].ended and min(found[0].expires_at, found[1].expires_at) > now:
            return found
        session_id = self._refresh_tokens.session_of(text, now) if found is None else None
        session = self._sessions.open_session(session_id) if session_id else None
        if session is None or session.expires_at <= now:
            raise ServiceError(REFRESH_REFUSED)
        return None, session

    def _replay(self, token: RefreshToken, text: str) -> TokenPair | None:
        """The pair that this used token was exchanged for, if it may be returned again."""
        recent = self._common.clock.now_ns() - (token.used_at or 0) < REPLAY_SECONDS * NANOSECONDS
        successor = self._sessions.token(token.replaced_by) if token.replaced_by else None
        if not recent or successor is None or successor.used_at is not None:
            return None
        return self._replays.find(text)

    def trusts(self, origin: str | None) -> bool:
        """Whether a page of that origin may use the refresh cookie."""
        return origin in self._rules.allowed_origins

    def logout(self, principal: Principal, scope: str) -> None:
        """End this session, or all of the caller's identity (`scope` is `all`); their tokens are refused at once."""
        with self._revocation.transaction() as end:
            end([principal.session_id or ""], "logout")
            if scope == "all":
                self._identity_sessions.end(self._own(principal), end, "logout")
            self._common.audit.changed(
                principal, "auth.logout", f"session:{principal.session_id}", payload={"scope": scope}
            )

    def end_all(self, principal: Principal) -> int:
        """End all sessions of the caller's identity, of all memberships and this one too; returns how many."""
        with self._revocation.transaction() as end:
            own, total = self._identity_sessions.end(self._own(principal), end, "ended by its owner")
            user = f"user:{principal.user_id}"
            self._common.audit.changed(principal, "auth.sessions_ended", user, payload={"ended": own})
        return total

    def list_open(self, principal: Principal) -> list[tuple[Session, int]]:
        """The sessions of the caller's identity that have not expired, with their organizations; last used first."""
        return self._identity_sessions.listed(self._own(principal))

    def end(self, principal: Principal, session_id: str) -> None:
        """End a session of the caller's identity. Raises GEN_404 for another person's, and for one that has ended."""
        with self._revocation.transaction() as end:
            member = self._identity_sessions.member_of(self._own(principal), session_id)
            if member is None:
                raise ServiceError(NOT_FOUND)
            end([session_id], "ended by its owner")
            actor = principal if member.user_id == principal.user_id else member
            self._common.audit.changed(actor, "auth.session_ended", f"session:{session_id}")

    def _issue(self, account: Account, session: Session) -> tuple[TokenPair, RefreshToken]:
        """A new pair for a session, and the refresh token as it is to be stored."""
        now = self._common.clock.now_ns()
        issued_at = now // NANOSECONDS
        expires_at = issued_at + self._rules.access_seconds
        token_id = uuid7(self._common.clock)
        access, key_id = self._signer.sign(
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
        text = self._refresh_tokens.make(session.id, refresh_expires)
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
        refresh_seconds = (refresh_expires - now) // NANOSECONDS
        return TokenPair(access, text, self._rules.access_seconds, refresh_seconds), token

"""What can be done with accounts and sessions, one method per verb."""

import secrets
from dataclasses import dataclass
from typing import Any

from heartguard_auth.domain import (
    GRACE_SECONDS,
    RANKS,
    SESSION_SECONDS,
    Account,
    Device,
    NewAccount,
    RefreshToken,
    Session,
    TokenPair,
    digest,
    founding_name,
    guessable,
    may_give,
)
from heartguard_auth.errors import (
    BAD_CREDENTIALS,
    EMAIL_TAKEN,
    INVITATION_REFUSED,
    REFRESH_REFUSED,
    REGISTRATION_CLOSED,
    ROLE_REFUSED,
    WEAK_PASSWORD,
)
from heartguard_auth.ports import (
    Accounts,
    GraceAnswers,
    Hasher,
    RevocationList,
    Sessions,
    Signer,
    Transactions,
)
from heartguard_common.audit import AuditTrail
from heartguard_common.clock import NANOSECONDS, Clock
from heartguard_common.errors import INVALID_TOKEN, Fault, ServiceError
from heartguard_common.identity import Principal, TokenVerifier
from heartguard_common.ids import uuid7


@dataclass(frozen=True)
class Rules:
    """The settings that decide: life times in seconds, who may register, what is in a token."""

    access_seconds: int
    refresh_seconds: int
    registration: str
    issuer: str
    audience: str
    common_passwords: frozenset[str]
    allowed_origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stores:
    """Everything the use cases reach outside for."""

    transactions: Transactions
    accounts: Accounts
    sessions: Sessions
    revocations: RevocationList
    grace: GraceAnswers
    signer: Signer
    hasher: Hasher
    verifier: TokenVerifier
    audit: AuditTrail
    clock: Clock


class AuthUseCases:
    """Registration, login, refresh, logout, profile and introspection."""

    def __init__(self, rules: Rules, stores: Stores, permissions: dict[str, tuple[str, ...]]) -> None:
        self._rules = rules
        self._s = stores
        self._permissions = permissions

    def register(self, request: dict[str, Any], principal: Principal | None) -> Account:
        """Found an organization, or add a member to the caller's.

        Raises AUTH_002 for a taken address, AUTH_004 for a guessable password, AUTH_005 for a role that
        can't be given so, AUTH_006 where registration is closed, AUTH_007 for an invitation of no worth.
        """
        if "invitation" in request:
            raise ServiceError(INVITATION_REFUSED)
        email = request["email"]
        org_id, role = self._place(request, principal)
        if guessable(request["password"], email, self._rules.common_passwords):
            fault = Fault("/password", "is among the most common ones, or is the e-mail address")
            raise ServiceError(WEAK_PASSWORD, details=(fault,))
        made = self._s.accounts.add(
            NewAccount(
                email=email,
                password_hash=self._s.hasher.hash(request["password"]),
                role=role,
                full_name=request.get("full_name"),
                organization_name=founding_name(email, request.get("organization_name")),
                org_id=org_id,
            )
        )
        if made is None:
            raise ServiceError(EMAIL_TAKEN)
        self._s.audit.changed(
            principal, "auth.registered", f"user:{made.id}", org_id=made.org_id, payload={"role": made.role}
        )
        return made

    def _place(self, request: dict[str, Any], principal: Principal | None) -> tuple[int | None, str]:
        """The organization (None: a new one) and the role of an account to be made."""
        if principal is None:
            role = request.get("role", "admin")
            if self._rules.registration != "open":
                raise ServiceError(REGISTRATION_CLOSED)
            if role != "admin":
                raise ServiceError(ROLE_REFUSED, "Whoever founds an organization is its admin")
            return None, role
        role = request.get("role", "user")
        if principal.kind != "person" or not may_give(principal.role, role):
            raise ServiceError(ROLE_REFUSED)
        if "organization_name" in request:
            fault = Fault("/organization_name", "stands only where an organization is founded")
            raise ServiceError(ROLE_REFUSED, details=(fault,))
        return principal.org_id, role

    def login(self, email: str, password: str, device: Device) -> TokenPair:
        """Begin a session. Raises AUTH_001 for whatever is wrong, the same for unknown addresses."""
        account = self._s.accounts.by_email(email)
        right = self._s.hasher.verify(account.password_hash if account else None, password)
        if account is None or not right or not account.active:
            self._s.audit.changed(
                None,
                "auth.login",
                f"user:{account.id}" if account else "user:unknown",
                org_id=account.org_id if account else None,
                outcome="denied",
                reason=BAD_CREDENTIALS.code,
            )
            raise ServiceError(BAD_CREDENTIALS)
        now = self._s.clock.now_ns()
        session = Session(
            id=uuid7(self._s.clock),
            user_id=account.id,
            created_at=now,
            expires_at=now + SESSION_SECONDS * NANOSECONDS,
            address=device.address,
            user_agent=device.user_agent,
        )
        pair, token = self._issue(account, session)
        self._s.sessions.open(session, token)
        self._said(account, "auth.login", f"session:{session.id}")
        return pair

    def refresh(self, refresh_token: str) -> TokenPair:
        """Exchange a refresh token for the next pair (RFC 9700 section 4.14.2).

        A token that was exchanged before ends its session, unless that was within 10 seconds and its
        successor is unused: parallel refreshes and lost answers get the same pair again. Raises AUTH_003.
        """
        reused: Session | None = None
        with self._s.transactions.transaction():
            found = self._s.sessions.find(digest(refresh_token))
            token, session = self._usable(found)
            account = self._s.accounts.by_id(session.user_id)
            if account is None or not account.active:
                raise ServiceError(REFRESH_REFUSED)
            if token.used_at is None:
                pair, successor = self._issue(account, session)
                # Before the commit: an exchange whose answer could not be kept must not have happened.
                self._s.grace.keep(refresh_token, pair)
                self._s.sessions.replace(token.digest, successor)
                return pair
            again = self._again(token, refresh_token)
            if again is not None:
                return again
            reused = session
            expires = self._end([session.id], "refresh token reuse")
        self._s.revocations.publish("sid", [reused.id], expires)
        self._said(account, "auth.refresh", f"session:{reused.id}", outcome="denied", reason="reuse")
        raise ServiceError(REFRESH_REFUSED)

    def _usable(self, found: tuple[RefreshToken, Session] | None) -> tuple[RefreshToken, Session]:
        now = self._s.clock.now_ns()
        if found is None or found[1].ended or min(found[0].expires_at, found[1].expires_at) <= now:
            raise ServiceError(REFRESH_REFUSED)
        return found

    def _again(self, token: RefreshToken, text: str) -> TokenPair | None:
        """The pair that this used token was exchanged for, if it may be told once more."""
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
        with self._s.transactions.transaction():
            ids = [principal.session_id or ""]
            if scope == "all":
                ids = sorted({*ids, *self._s.sessions.open_of([principal.user_id or 0])})
            expires = self._end(ids, "logout")
        self._s.revocations.publish("sid", ids, expires)
        self._s.audit.changed(principal, "auth.logout", f"session:{principal.session_id}", payload={"scope": scope})

    def profile(self, principal: Principal) -> Account:
        """The caller's own account. Raises GEN_402 when it is gone."""
        account = self._s.accounts.by_id(principal.user_id or 0)
        if account is None:
            raise ServiceError(INVALID_TOKEN)
        return account

    def roles(self) -> list[dict[str, Any]]:
        """The roles, strongest first, with the ids of the routes each may call."""
        names = sorted(RANKS, key=lambda name: -RANKS[name])
        return [{"name": name, "permissions": list(self._permissions[name])} for name in names]

    def introspect(self, token: str | None, token_id: str | None) -> dict[str, Any]:
        """What a token or a `jti` stands for (RFC 7662 section 2.2); only `active: false` for anything else."""
        self._s.revocations.heal()
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
            issued_at=issued.created_at // NANOSECONDS,
            expires_at=issued.access_expires_at // NANOSECONDS,
        )
        return self._introspection(principal)

    def _introspect_token(self, token: str) -> dict[str, Any]:
        try:
            return self._introspection(self._s.verifier.verify(token))
        except ServiceError as error:
            if error.row is INVALID_TOKEN:
                return {"active": False}
            raise

    def _introspection(self, principal: Principal) -> dict[str, Any]:
        expired = principal.expires_at * NANOSECONDS <= self._s.clock.now_ns()
        if expired or self._s.revocations.holds(principal):
            return {"active": False}
        return {
            "active": True,
            "sub": str(principal.user_id),
            "role": principal.role,
            "org_id": principal.org_id,
            "exp": principal.expires_at,
            "iat": principal.issued_at,
            "jti": principal.token_id,
        }

    def public_keys(self) -> list[dict[str, Any]]:
        """The keys that verify our tokens, as JWKs."""
        return self._s.signer.public_keys()

    def erase(self, principal: Principal, org_id: int, user_id: int | None) -> int:
        """Anonymize a member or all members of an organization and end their sessions; returns how many."""
        with self._s.transactions.transaction():
            people = self._s.accounts.erase(org_id, user_id)
            ids = self._s.sessions.open_of(people)
            expires = self._end(ids, "erasure")
        self._s.revocations.publish("sid", ids, expires)
        for person in people:
            self._s.audit.changed(principal, "auth.erased", f"user:{person}", org_id=org_id)
        return len(people)

    def _issue(self, account: Account, session: Session) -> tuple[TokenPair, RefreshToken]:
        """A new pair for a session, and the refresh token as it is to be stored."""
        now = self._s.clock.now_ns()
        issued_at = now // NANOSECONDS
        expires_at = issued_at + self._rules.access_seconds
        token_id = uuid7(self._s.clock)
        access = self._s.signer.sign(
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
        text = secrets.token_urlsafe(32)
        refresh_expires = min(now + self._rules.refresh_seconds * NANOSECONDS, session.expires_at)
        token = RefreshToken(
            digest=digest(text),
            session_id=session.id,
            created_at=now,
            expires_at=refresh_expires,
            access_token_id=token_id,
            access_expires_at=expires_at * NANOSECONDS,
        )
        left = (refresh_expires - now) // NANOSECONDS
        return TokenPair(access, text, self._rules.access_seconds, left), token

    def _end(self, session_ids: list[str], reason: str) -> int:
        """End sessions in the truth; returns until when, in nanoseconds, their access tokens could live."""
        now = self._s.clock.now_ns()
        expires = now + (self._rules.access_seconds + 60) * NANOSECONDS
        self._s.sessions.end(session_ids, now)
        self._s.revocations.add("sid", session_ids, reason, expires)
        return expires

    def _said(self, account: Account, action: str, resource: str, **how: Any) -> None:
        who = Principal(kind="person", role=account.role, user_id=account.id, org_id=account.org_id)
        self._s.audit.changed(who, action, resource, **how)

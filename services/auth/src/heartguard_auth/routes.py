"""The HTTP face of auth."""

from urllib.parse import parse_qsl
from uuid import UUID

from werkzeug.http import dump_cookie, parse_cookie

from heartguard_auth.domain import Account, Device, Invitation, TokenPair
from heartguard_auth.errors import (
    ACTOR_CHANGED,
    BAD_CREDENTIALS,
    CODE_REFUSED,
    EMAIL_TAKEN,
    INVITATION_REFUSED,
    INVITATIONS_FULL,
    LAST_ADMIN,
    LOCKED,
    MEMBER_CHANGED,
    ORIGIN_REFUSED,
    REFRESH_REFUSED,
    REGISTRATION_CLOSED,
    ROLE_REFUSED,
    WEAK_PASSWORD,
    WRONG_PASSWORD,
)
from heartguard_auth.usecases import AuthUseCases
from heartguard_common import messages
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import (
    LIMIT_FOR_NOW,
    LIMIT_REACHED,
    MALFORMED,
    NOT_FOUND,
    UNPROCESSABLE,
    ServiceError,
    Violation,
)
from heartguard_common.http import exports, paging
from heartguard_common.http.routing import (
    DOCUMENT_TYPES,
    NDJSON,
    Answer,
    Call,
    EmptyCall,
    NoQuery,
    Read,
    Route,
    StreamAnswer,
)
from heartguard_common.messages import (
    ErasureRequest,
    ErasureResult,
    ExportQuery,
    ForgotRequest,
    Introspection,
    IntrospectRequest,
    InvitationList,
    InvitationListQuery,
    InvitationRequest,
    JwkSet,
    LoginQuery,
    LoginRequest,
    LoginResponse,
    LogoutRequest,
    MembershipChange,
    MembershipResult,
    PasswordChange,
    RefreshRequest,
    RegisterRequest,
    RegisterResponse,
    ResetCode,
    ResetCodeRequest,
    ResetRequest,
    RoleList,
    SessionDocument,
    SessionList,
    User,
)

FORM = "application/x-www-form-urlencoded"
NO_STORE = {"Cache-Control": "no-store"}
COOKIE = "heartguard_refresh"


def register(auth: AuthUseCases, call: Call[RegisterRequest, NoQuery]) -> Answer[RegisterResponse]:
    """Found an organization, or add a member to the caller's: admins any, managers with the role user."""
    account = auth.registration.register(call.document, call.principal, call.address)
    document: RegisterResponse = {
        "user_id": account.id,
        "email": account.email,
        "role": account.role,
        "org_id": account.org_id,
    }
    return Answer(document, headers=NO_STORE)


def login(auth: AuthUseCases, call: Call[LoginRequest, LoginQuery]) -> Answer[LoginResponse]:
    """Begin a session: an access token and a refresh token (`?cookie=1`: also as a cookie)."""
    pair = auth.sessions.login(call.document["email"], call.document["password"], _device(call))
    return _tokens(pair, cookie=call.query.get("cookie") == "1")


def refresh(auth: AuthUseCases, call: Call[RefreshRequest | None, NoQuery]) -> Answer[LoginResponse]:
    """Exchange a refresh token, or the cookie, for the next pair of tokens."""
    if call.document is not None:
        return _tokens(auth.sessions.refresh(call.document["refresh_token"]), cookie=False)
    token = parse_cookie(call.headers.get("Cookie")).get(COOKIE)
    if token is None:
        raise ServiceError(REFRESH_REFUSED)
    # A browser sends the cookie on its own: only the pages we trust may make it do so.
    if not auth.sessions.trusts(call.headers.get("Origin")):
        raise ServiceError(ORIGIN_REFUSED)
    return _tokens(auth.sessions.refresh(token), cookie=True)


def logout(auth: AuthUseCases, call: Call[LogoutRequest | None, NoQuery]) -> Answer[None]:
    """End this session, or all of the caller's."""
    auth.sessions.logout(call.person, "this" if call.document is None else call.document.get("scope", "this"))
    return Answer(None, headers=_cookie("", 0))


def sessions(auth: AuthUseCases, call: EmptyCall) -> Answer[SessionList]:
    """The caller's sessions: since when, from where, by what."""
    items: list[SessionDocument] = [
        {
            "id": session.id,
            "created_at": rfc3339(session.created_at),
            "last_used_at": rfc3339(session.last_used_at),
            "address": session.address,
            "user_agent": session.user_agent,
            "current": session.id == call.person.session_id,
        }
        for session in auth.sessions.of(call.person)
    ]
    return Answer({"items": items}, headers=NO_STORE)


def end_session(auth: AuthUseCases, call: EmptyCall) -> Answer[None]:
    """End one of the caller's sessions."""
    auth.sessions.end(call.person, call.params["session_id"].lower())
    return Answer(None)


def change_password(auth: AuthUseCases, call: Call[PasswordChange, NoQuery]) -> Answer[None]:
    """Set a new password, by the current one; the other sessions end."""
    asked = call.document
    auth.passwords.change(call.person, asked["current_password"], asked["new_password"], call.address)
    return Answer(None)


def forgot_password(auth: AuthUseCases, call: Call[ForgotRequest, NoQuery]) -> Answer[None]:
    """Send a code by e-mail, if there is such an account; the answer is the same without one."""
    auth.passwords.forgot(call.document["email"])
    return Answer(None)


def reset_password(auth: AuthUseCases, call: Call[ResetRequest, NoQuery]) -> Answer[None]:
    """Set a new password, by a code; all sessions end."""
    auth.passwords.reset(call.document["code"], call.document["new_password"])
    return Answer(None)


def issue_code(auth: AuthUseCases, call: Call[ResetCodeRequest, NoQuery]) -> Answer[ResetCode]:
    """A code for a member, to hand over where no e-mail is sent."""
    code, expires_at = auth.passwords.code(call.person, call.document["user_id"])
    return Answer({"code": code, "expires_at": rfc3339(expires_at)}, headers=NO_STORE)


def invite(auth: AuthUseCases, call: Call[InvitationRequest, NoQuery]) -> Answer[messages.Invitation]:
    """Invite an address; the code is shown once, and sent where there is SMTP. Managers invite users."""
    made, code = auth.invitations.invite(call.person, call.document["email"], call.document["role"])
    document = _invitation(made)
    document["code"] = code
    return Answer(document, headers=NO_STORE)


def invitations(auth: AuthUseCases, call: Call[None, InvitationListQuery]) -> Answer[InvitationList]:
    """The invitations that wait."""
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    after = paging.decode_cursor(call.query.get("cursor"), UUID)
    found = auth.invitations.waiting(call.person, after[0] if after else None, limit + 1)
    page = paging.page(found, limit, _invitation, lambda item: [item.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=NO_STORE)


def withdraw_invitation(auth: AuthUseCases, call: EmptyCall) -> Answer[None]:
    """Withdraw an invitation."""
    auth.invitations.withdraw(call.person, call.params["invitation_id"].lower())
    return Answer(None)


def end_lock(auth: AuthUseCases, call: EmptyCall) -> Answer[None]:
    """Let a locked-out member try again."""
    auth.guard.end_lock(call.person, int(call.params["user_id"]))
    return Answer(None)


def profile(auth: AuthUseCases, call: EmptyCall) -> Answer[User]:
    """The caller's account."""
    return Answer(_user(auth.membership.profile(call.person)), headers=NO_STORE)


def roles(auth: AuthUseCases, _: EmptyCall) -> Answer[RoleList]:
    """The roles, and the ids of the routes that each may call."""
    return Answer({"items": auth.membership.roles()})


def introspect(auth: AuthUseCases, call: Call[IntrospectRequest, NoQuery]) -> Answer[Introspection]:
    """Whether a token or a `jti` counts (RFC 7662)."""
    asked = call.document
    if ("token" in asked) == ("jti" in asked):
        raise ServiceError(UNPROCESSABLE, details=(Violation("/token", "either token or jti must be given"),))
    return Answer(auth.introspection.introspect(asked.get("token"), asked.get("jti")), headers=NO_STORE)


def key_set(auth: AuthUseCases, _: EmptyCall) -> Answer[JwkSet]:
    """The public keys that verify tokens (RFC 7517), JSON only."""
    return Answer({"keys": auth.introspection.public_keys()}, headers={"Cache-Control": "public, max-age=10"})


def erase(auth: AuthUseCases, call: Call[ErasureRequest, NoQuery]) -> Answer[ErasureResult]:
    """Anonymize the members of an organization, or one of them."""
    removed = auth.membership.erase(call.person, call.document["org_id"], call.document.get("user_id"))
    return Answer({"removed": removed})


def export(auth: AuthUseCases, call: Call[None, ExportQuery]) -> StreamAnswer:
    """What auth keeps of a person: the account and each session (NDJSON)."""
    return exports.answer(auth.membership.export(call.query["org_id"], call.query["user_id"]))


def change_membership(auth: AuthUseCases, call: Call[MembershipChange, NoQuery]) -> Answer[MembershipResult]:
    """Give a member a role or take their activity, and end their sessions."""
    return Answer({"sessions_ended": auth.membership.change(call.person, call.document)})


def _device(call: Call[object, object]) -> Device:
    # Header bytes may be control characters, which no document may contain.
    return Device(call.address, "".join(letter for letter in call.user_agent if letter.isprintable()))


def _read_form(body: bytes, _: NoQuery) -> Read:
    """The IntrospectionRequest that a form stands for (RFC 7662 section 2.1)."""
    try:
        pairs = parse_qsl(body.decode(), strict_parsing=True, max_num_fields=16)
    except ValueError as error:
        raise ServiceError(MALFORMED, "The form is not well-formed") from error
    if len(dict(pairs)) != len(pairs):
        raise ServiceError(MALFORMED, "A form field is repeated")
    return Read(dict(pairs), dict(pairs))


def _tokens(pair: TokenPair, *, cookie: bool) -> Answer[LoginResponse]:
    headers = {**NO_STORE, **(_cookie(pair.refresh_token, pair.refresh_expires_in) if cookie else {})}
    document: LoginResponse = {
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "expires_in": pair.expires_in,
        "token_type": "Bearer",
    }
    return Answer(document, headers=headers)


def _cookie(value: str, seconds: int) -> dict[str, str]:
    text = dump_cookie(COOKIE, value, max_age=seconds, path="/auth", secure=True, httponly=True, samesite="Lax")
    return {"Set-Cookie": text}


def _invitation(invitation: Invitation) -> messages.Invitation:
    return {
        "id": invitation.id,
        "email": invitation.email,
        "role": invitation.role,
        "expires_at": rfc3339(invitation.expires_at),
    }


def _user(account: Account) -> User:
    return {
        "id": account.id,
        "email": account.email,
        "full_name": account.full_name,
        "role": account.role,
        "org_id": account.org_id,
        "active": account.active,
        "preferences": dict(account.preferences),
        "created_at": account.created_at,
    }


ROUTES = (
    Route(
        "POST",
        "/auth/register",
        register,
        status=201,
        raises=(
            EMAIL_TAKEN,
            WEAK_PASSWORD,
            ROLE_REFUSED,
            REGISTRATION_CLOSED,
            INVITATION_REFUSED,
            LIMIT_FOR_NOW,
            LIMIT_REACHED,
        ),
    ),
    Route("POST", "/auth/login", login, raises=(BAD_CREDENTIALS, LOCKED), headers=("Set-Cookie",)),
    Route("POST", "/auth/refresh", refresh, raises=(REFRESH_REFUSED, ORIGIN_REFUSED), headers=("Set-Cookie",)),
    Route("POST", "/auth/logout", logout, status=204, headers=("Set-Cookie",)),
    Route("GET", "/auth/sessions", sessions),
    Route("DELETE", "/auth/sessions/{session_id}", end_session, status=204),
    Route("POST", "/auth/password", change_password, status=204, raises=(WEAK_PASSWORD, LOCKED, WRONG_PASSWORD)),
    Route("POST", "/auth/password/forgot", forgot_password, status=202),
    Route("POST", "/auth/password/reset", reset_password, status=204, raises=(WEAK_PASSWORD, CODE_REFUSED)),
    Route("POST", "/auth/password/code", issue_code, raises=(NOT_FOUND,)),
    Route(
        "POST",
        "/auth/invitations",
        invite,
        status=201,
        raises=(EMAIL_TAKEN, ROLE_REFUSED, REGISTRATION_CLOSED, INVITATIONS_FULL, LIMIT_FOR_NOW),
    ),
    Route("GET", "/auth/invitations", invitations),
    Route("DELETE", "/auth/invitations/{invitation_id}", withdraw_invitation, status=204),
    Route("DELETE", "/auth/locks/{user_id}", end_lock, status=204),
    Route("GET", "/auth/profile", profile),
    Route("GET", "/auth/roles", roles),
    Route(
        "POST",
        "/auth/token/introspect",
        introspect,
        accepts=(*DOCUMENT_TYPES, FORM),
        readers={FORM: _read_form},
    ),
    Route("GET", "/.well-known/jwks.json", key_set, offers=("application/json",)),
    Route("GET", "/auth/exports", export, offers=(NDJSON,)),
    Route("POST", "/auth/memberships", change_membership, raises=(LAST_ADMIN, MEMBER_CHANGED, ACTOR_CHANGED)),
    Route("POST", "/auth/erasures", erase, raises=(LAST_ADMIN,)),
)

"""Login, refresh and logout, and the sessions of the caller."""

from werkzeug.http import dump_cookie, parse_cookie

from heartguard_auth.accounts.domain import Membership
from heartguard_auth.errors import (
    BAD_CREDENTIALS,
    EMAIL_UNCONFIRMED,
    LOCKED,
    MEMBERSHIP_LOCKED,
    ORIGIN_REFUSED,
    REFRESH_REFUSED,
)
from heartguard_auth.sessions.domain import Device, NewSession, Session, TokenPair
from heartguard_auth.sessions.usecases.sessions import SessionUseCases
from heartguard_auth.shared.routes import NO_STORE
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import INVALID_TOKEN, NOT_FOUND, ServiceError
from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route
from heartguard_common.messages import (
    LoginQuery,
    LoginRequest,
    LoginResponse,
    LogoutRequest,
    MembershipDocument,
    MembershipResult,
    RefreshRequest,
    SessionDocument,
    SessionList,
    SwitchRequest,
)

COOKIE = "heartguard_refresh"


def log_in(sessions: SessionUseCases, call: Call[LoginRequest, LoginQuery]) -> Answer[LoginResponse]:
    """Log in with e-mail and password.

    Begins a session. The answer has an access token and a refresh token; with `cookie=1` the refresh token is also set
    as a cookie. Who is a member of several organizations logs in to the one of `org_id`, or else to the last used one;
    `memberships` of the answer has all of them, and `POST /auth/switch` changes to another.
    """
    wanted = call.document
    begun = sessions.login(wanted["email"], wanted["password"], _device(call), wanted.get("org_id"))
    return _begun(begun, cookie=call.query.get("cookie") == "1")


def switch_membership(sessions: SessionUseCases, call: Call[SwitchRequest, LoginQuery]) -> Answer[LoginResponse]:
    """Begin a session for another membership of the caller.

    The answer has tokens for the caller's membership in the organization `org_id`. The present session goes on.
    """
    begun = sessions.switch(call.person, call.document["org_id"], _device(call))
    return _begun(begun, cookie=call.query.get("cookie") == "1")


def refresh_tokens(sessions: SessionUseCases, call: Call[RefreshRequest | None, NoQuery]) -> Answer[LoginResponse]:
    """Exchange a refresh token for a new pair of tokens.

    The refresh token is sent in the body or, without a body, as the cookie that the login set. It is valid once.
    """
    if call.document is not None:
        return _tokens(sessions.refresh(call.document["refresh_token"]), cookie=False)
    token = parse_cookie(call.headers.get("Cookie")).get(COOKIE)
    if token is None:
        raise ServiceError(REFRESH_REFUSED)
    # A browser sends the cookie with requests of any page: only the portal's and pages of allowed origins may use it.
    # No script can set Sec-Fetch-Site, a header that browsers fill in themselves.
    if call.headers.get("Sec-Fetch-Site") != "same-origin" and not sessions.trusts(call.headers.get("Origin")):
        raise ServiceError(ORIGIN_REFUSED)
    return _tokens(sessions.refresh(token), cookie=True)


def log_out(sessions: SessionUseCases, call: Call[LogoutRequest | None, NoQuery]) -> Answer[None]:
    """Log out of this session, or of all sessions.

    With `all` the sessions of all of the person's memberships end.
    """
    sessions.logout(call.person, "this" if call.document is None else call.document.get("scope", "this"))
    return Answer(None, headers=_cookie("", 0))


def list_sessions(sessions: SessionUseCases, call: EmptyCall) -> Answer[SessionList]:
    """List the caller's sessions.

    Those of all of the person's memberships, each with its organization.
    """
    current = call.person.session_id
    items: list[SessionDocument] = [
        {**session_document(session, current=session.id == current), "org_id": org_id}
        for session, org_id in sessions.list_open(call.person)
    ]
    return Answer({"items": items}, headers=NO_STORE)


def end_all_sessions(sessions: SessionUseCases, call: EmptyCall) -> Answer[MembershipResult]:
    """End all of the caller's sessions.

    Those of all of the person's memberships, this one included: log in again afterwards.
    """
    return Answer({"sessions_ended": sessions.end_all(call.person)}, headers=_cookie("", 0))


def end_session(sessions: SessionUseCases, call: EmptyCall) -> Answer[None]:
    """End one of the caller's sessions.

    It may be one of another membership.
    """
    sessions.end(call.person, call.params["session_id"].lower())
    return Answer(None)


def session_document(session: Session, *, current: bool) -> SessionDocument:
    """An item of `SessionList`."""
    return {
        "id": session.id,
        "created_at": rfc3339(session.created_at),
        "last_used_at": rfc3339(session.last_used_at),
        "address": session.address,
        "user_agent": session.user_agent,
        "current": current,
    }


def _device(call: Call[object, object]) -> Device:
    # A header may contain control characters, which no document may.
    return Device(call.address, "".join(character for character in call.user_agent if character.isprintable()))


def membership_document(membership: Membership, current: int) -> MembershipDocument:
    """An item of `MembershipList`; `current` is the number of the membership that the token is for."""
    return {
        "user_id": membership.user_id,
        "org_id": membership.org_id,
        "organization": membership.organization,
        "role": membership.role,
        "active": membership.active,
        "current": membership.user_id == current,
    }


def _begun(begun: NewSession, *, cookie: bool) -> Answer[LoginResponse]:
    answer = _tokens(begun.pair, cookie=cookie)
    if begun.memberships:
        answer.document["memberships"] = [membership_document(it, begun.user_id) for it in begun.memberships]
    return answer


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
    text = dump_cookie(COOKIE, value, max_age=seconds, path="/auth", secure=True, httponly=True, samesite="Strict")
    return {"Set-Cookie": text}


ROUTES = (
    Route("POST", "/auth/login", log_in, raises=(BAD_CREDENTIALS, LOCKED, EMAIL_UNCONFIRMED), headers=("Set-Cookie",)),
    Route(
        "POST",
        "/auth/switch",
        switch_membership,
        raises=(NOT_FOUND, MEMBERSHIP_LOCKED, INVALID_TOKEN),
        headers=("Set-Cookie",),
    ),
    Route("POST", "/auth/refresh", refresh_tokens, raises=(REFRESH_REFUSED, ORIGIN_REFUSED), headers=("Set-Cookie",)),
    Route("POST", "/auth/logout", log_out, status=204, headers=("Set-Cookie",)),
    Route("GET", "/auth/sessions", list_sessions),
    Route("DELETE", "/auth/sessions", end_all_sessions, headers=("Set-Cookie",)),
    Route("DELETE", "/auth/sessions/{session_id}", end_session, status=204),
)

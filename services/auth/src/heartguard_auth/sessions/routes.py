"""Login, refresh and logout, and the sessions of the caller."""

from werkzeug.http import dump_cookie, parse_cookie

from heartguard_auth.errors import BAD_CREDENTIALS, LOCKED, ORIGIN_REFUSED, REFRESH_REFUSED
from heartguard_auth.sessions.domain import Device, Session, TokenPair
from heartguard_auth.sessions.usecases.sessions import SessionUseCases
from heartguard_auth.shared.routes import NO_STORE
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route
from heartguard_common.messages import (
    LoginQuery,
    LoginRequest,
    LoginResponse,
    LogoutRequest,
    RefreshRequest,
    SessionDocument,
    SessionList,
)

COOKIE = "heartguard_refresh"


def log_in(sessions: SessionUseCases, call: Call[LoginRequest, LoginQuery]) -> Answer[LoginResponse]:
    """Log in with e-mail and password.

    Begins a session. The answer has an access token and a refresh token; with `cookie=1` the refresh token is also set
    as a cookie.
    """
    pair = sessions.login(call.document["email"], call.document["password"], _device(call))
    return _tokens(pair, cookie=call.query.get("cookie") == "1")


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
    """Log out of this session, or of all sessions."""
    sessions.logout(call.person, "this" if call.document is None else call.document.get("scope", "this"))
    return Answer(None, headers=_cookie("", 0))


def list_sessions(sessions: SessionUseCases, call: EmptyCall) -> Answer[SessionList]:
    """List the caller's sessions."""
    current = call.person.session_id
    items = [session_document(it, current=it.id == current) for it in sessions.list_open(call.person)]
    return Answer({"items": items}, headers=NO_STORE)


def end_session(sessions: SessionUseCases, call: EmptyCall) -> Answer[None]:
    """End one of the caller's sessions."""
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
    Route("POST", "/auth/login", log_in, raises=(BAD_CREDENTIALS, LOCKED), headers=("Set-Cookie",)),
    Route("POST", "/auth/refresh", refresh_tokens, raises=(REFRESH_REFUSED, ORIGIN_REFUSED), headers=("Set-Cookie",)),
    Route("POST", "/auth/logout", log_out, status=204, headers=("Set-Cookie",)),
    Route("GET", "/auth/sessions", list_sessions),
    Route("DELETE", "/auth/sessions/{session_id}", end_session, status=204),
)

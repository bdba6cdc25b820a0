"""The HTTP face of auth."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from werkzeug.http import dump_cookie, parse_cookie

from heartguard_auth.domain import Account, Device, Invitation, TokenPair
from heartguard_auth.errors import ORIGIN_REFUSED, REFRESH_REFUSED
from heartguard_auth.usecases import AuthUseCases
from heartguard_common import exports, paging
from heartguard_common.clock import rfc3339
from heartguard_common.errors import MALFORMED, UNPROCESSABLE, Fault, ServiceError
from heartguard_common.routing import DOCUMENT_TYPES, NDJSON, Answer, Call, Route

FORM = "application/x-www-form-urlencoded"
NO_STORE = {"Cache-Control": "no-store"}
COOKIE = "heartguard_refresh"


def register(auth: AuthUseCases, call: Call) -> Answer:
    account = auth.registration.register(call.document, call.principal, call.address)
    document = {
        "user_id": account.id,
        "email": account.email,
        "role": account.role,
        "org_id": account.org_id,
    }
    return Answer(document, headers=NO_STORE)


def login(auth: AuthUseCases, call: Call) -> Answer:
    pair = auth.sessions.login(call.document["email"], call.document["password"], _device(call))
    return _tokens(pair, cookie=call.query.get("cookie") == "1")


def refresh(auth: AuthUseCases, call: Call) -> Answer:
    if call.document is not None:
        return _tokens(auth.sessions.refresh(call.document["refresh_token"]), cookie=False)
    token = parse_cookie(call.headers.get("Cookie")).get(COOKIE)
    if token is None:
        raise ServiceError(REFRESH_REFUSED)
    # A browser sends the cookie on its own: only the pages we trust may make it do so.
    if not auth.sessions.trusts(call.headers.get("Origin")):
        raise ServiceError(ORIGIN_REFUSED)
    return _tokens(auth.sessions.refresh(token), cookie=True)


def logout(auth: AuthUseCases, call: Call) -> Answer:
    auth.sessions.logout(call.person, (call.document or {}).get("scope", "this"))
    return Answer(headers=_cookie("", 0))


def sessions(auth: AuthUseCases, call: Call) -> Answer:
    items = [
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


def end_session(auth: AuthUseCases, call: Call) -> Answer:
    auth.sessions.end(call.person, call.params["session_id"].lower())
    return Answer()


def change_password(auth: AuthUseCases, call: Call) -> Answer:
    asked = call.document
    auth.passwords.change(call.person, asked["current_password"], asked["new_password"], call.address)
    return Answer()


def forgot_password(auth: AuthUseCases, call: Call) -> Answer:
    auth.passwords.forgot(call.document["email"])
    return Answer()


def reset_password(auth: AuthUseCases, call: Call) -> Answer:
    auth.passwords.reset(call.document["code"], call.document["new_password"])
    return Answer()


def issue_code(auth: AuthUseCases, call: Call) -> Answer:
    code, expires_at = auth.passwords.code(call.person, call.document["user_id"])
    return Answer({"code": code, "expires_at": rfc3339(expires_at)}, headers=NO_STORE)


def invite(auth: AuthUseCases, call: Call) -> Answer:
    made, code = auth.invitations.invite(call.person, call.document["email"], call.document["role"])
    return Answer({**_invitation(made), "code": code}, headers=NO_STORE)


def invitations(auth: AuthUseCases, call: Call) -> Answer:
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    after = paging.decode_cursor(call.query.get("cursor"), UUID)
    found = auth.invitations.waiting(call.person, after[0] if after else None, limit + 1)
    return Answer(paging.page(found, limit, _invitation, lambda item: [item.id]), headers=NO_STORE)


def withdraw_invitation(auth: AuthUseCases, call: Call) -> Answer:
    auth.invitations.withdraw(call.person, call.params["invitation_id"].lower())
    return Answer()


def end_lock(auth: AuthUseCases, call: Call) -> Answer:
    auth.guard.end_lock(call.person, int(call.params["user_id"]))
    return Answer()


def profile(auth: AuthUseCases, call: Call) -> Answer:
    return Answer(_user(auth.membership.profile(call.person)), headers=NO_STORE)


def roles(auth: AuthUseCases, _: Call) -> Answer:
    return Answer({"items": auth.membership.roles()})


def introspect(auth: AuthUseCases, call: Call) -> Answer:
    asked = call.document
    if ("token" in asked) == ("jti" in asked):
        raise ServiceError(UNPROCESSABLE, details=(Fault("/token", "either token or jti must be given"),))
    return Answer(auth.introspection.introspect(asked.get("token"), asked.get("jti")), headers=NO_STORE)


def key_set(auth: AuthUseCases, _: Call) -> Answer:
    return Answer({"keys": auth.introspection.public_keys()}, headers={"Cache-Control": "public, max-age=10"})


def erase(auth: AuthUseCases, call: Call) -> Answer:
    removed = auth.membership.erase(call.person, call.document["org_id"], call.document.get("user_id"))
    return Answer({"removed": removed})


def export(auth: AuthUseCases, call: Call) -> Answer:
    return exports.answer(auth.membership.export(call.query["org_id"], call.query["user_id"]))


def change_membership(auth: AuthUseCases, call: Call) -> Answer:
    return Answer({"sessions_ended": auth.membership.change(call.person, call.document)})


def _device(call: Call) -> Device:
    # Header bytes may be control characters, which no document of ours may hold.
    return Device(call.address, "".join(letter for letter in call.user_agent if letter.isprintable()))


def _read_form(body: bytes, _: Mapping[str, Any]) -> dict[str, str]:
    """The IntrospectionRequest that a form stands for (RFC 7662 section 2.1)."""
    try:
        pairs = parse_qsl(body.decode(), strict_parsing=True, max_num_fields=16)
    except ValueError as error:
        raise ServiceError(MALFORMED, "The form is not well-formed") from error
    if len(dict(pairs)) != len(pairs):
        raise ServiceError(MALFORMED, "A form field is repeated")
    return dict(pairs)


def _tokens(pair: TokenPair, *, cookie: bool) -> Answer:
    headers = {**NO_STORE, **(_cookie(pair.refresh_token, pair.refresh_expires_in) if cookie else {})}
    document = {
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "expires_in": pair.expires_in,
        "token_type": "Bearer",
    }
    return Answer(document, headers=headers)


def _cookie(value: str, seconds: int) -> dict[str, str]:
    text = dump_cookie(COOKIE, value, max_age=seconds, path="/auth", secure=True, httponly=True, samesite="Lax")
    return {"Set-Cookie": text}


def _invitation(invitation: Invitation) -> dict[str, Any]:
    return {
        "id": invitation.id,
        "email": invitation.email,
        "role": invitation.role,
        "expires_at": rfc3339(invitation.expires_at),
    }


def _user(account: Account) -> dict[str, Any]:
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
    Route("POST", "/auth/register", register, takes="RegisterRequest", gives="RegisterResponse", status=201),
    Route("POST", "/auth/login", login, takes="LoginRequest", gives="LoginResponse", query="LoginQuery"),
    Route("POST", "/auth/refresh", refresh, takes="RefreshRequest", gives="LoginResponse", body="optional"),
    Route("POST", "/auth/logout", logout, takes="LogoutRequest", status=204, body="optional"),
    Route("GET", "/auth/sessions", sessions, gives="SessionList"),
    Route("DELETE", "/auth/sessions/{session_id}", end_session, status=204, body="none"),
    Route("POST", "/auth/password", change_password, takes="PasswordChange", status=204),
    Route("POST", "/auth/password/forgot", forgot_password, takes="ForgotRequest", status=202),
    Route("POST", "/auth/password/reset", reset_password, takes="ResetRequest", status=204),
    Route("POST", "/auth/password/code", issue_code, takes="ResetCodeRequest", gives="ResetCode"),
    Route("POST", "/auth/invitations", invite, takes="InvitationRequest", gives="Invitation", status=201),
    Route("GET", "/auth/invitations", invitations, gives="InvitationList", query="InvitationListQuery"),
    Route("DELETE", "/auth/invitations/{invitation_id}", withdraw_invitation, status=204, body="none"),
    Route("DELETE", "/auth/locks/{user_id}", end_lock, status=204, body="none"),
    Route("GET", "/auth/profile", profile, gives="User"),
    Route("GET", "/auth/roles", roles, gives="RoleList"),
    Route(
        "POST",
        "/auth/token/introspect",
        introspect,
        takes="IntrospectRequest",
        gives="Introspection",
        accepts=(*DOCUMENT_TYPES, FORM),
        readers={FORM: _read_form},
    ),
    Route("GET", "/.well-known/jwks.json", key_set, gives="JwkSet", offers=("application/json",), body="none"),
    Route("GET", "/auth/exports", export, query="ExportQuery", body="none", offers=(NDJSON,)),
    Route("POST", "/auth/memberships", change_membership, takes="MembershipChange", gives="MembershipResult"),
    Route("POST", "/auth/erasures", erase, takes="ErasureRequest", gives="ErasureResult"),
)

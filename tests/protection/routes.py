"""The request of each route of the matrix that needs more than its path; see `callers.asks`."""

import requests

from heartguard_common.core.registry import SERVICES
from heartguard_gateway.own_routes.portal import Portal
from tests.protection.callers import PASSWORD, ROLES, Ask, Situation, asks

JSON_ONLY = ("/openapi.json", "/openapi-internal.json", "/docs", "/docs/errors", "/portal", "/.well-known/jwks.json")
for _path in JSON_ONLY:
    asks("GET", _path)(lambda _, path=_path: Ask(path, headers={"Accept": "*/*"}))


UNKNOWN = "0198c0de-0000-7000-8000-000000000000"
for _prefix in [service.prefix for service in SERVICES.values() if service.database]:
    for _method, _end in (("GET", ""), ("DELETE", ""), ("POST", "/retry")):
        _path = f"{_prefix}/dead-letters/{{letter_id}}{_end}"
        asks(_method, _path)(lambda _, path=_path: Ask(path.format(letter_id=UNKNOWN)))


for _prefix in ("/organization", "/users", "/timeseries"):
    _path = f"{_prefix}/jobs/{{job_id}}/retry"
    asks("POST", _path)(lambda _, path=_path: Ask(path.format(job_id=UNKNOWN)))


for _path in ("/", "/schemas"):
    asks("GET", _path)(lambda _, path=_path: Ask(path, headers={"Accept": "text/html"}))


@asks("GET", "/assets/{asset}")
def asset(_: Situation) -> Ask:
    return Ask("/assets/site.css", headers={"Accept": "*/*"})


@asks("GET", "/portal/{version}/{folder}/{asset}")
def portal_file(_: Situation) -> Ask:
    return Ask(f"/portal/{Portal().version}/core/main.js", headers={"Accept": "*/*"})


@asks("GET", "/schemas/{file}")
def schema(_: Situation) -> Ask:
    return Ask("/schemas/common.xsd", headers={"Accept": "*/*"})


@asks("GET", "/stream")
def watch(case: Situation) -> Ask:
    path = f"/stream?user_id={case.owner.user_id}"
    return Ask(path, headers={"Accept": "text/event-stream"}, endless=True)


@asks("POST", "/auth/register")
def register(case: Situation) -> Ask:
    account = {"email": case.world.email(), "password": PASSWORD}
    role = {"role": "user"} if case.caller in ROLES else {}
    return Ask("/auth/register", "RegisterRequest", {**account, **role})


@asks("POST", "/auth/login")
def login(case: Situation) -> Ask:
    return Ask("/auth/login", "LoginRequest", {"email": case.me.email, "password": PASSWORD})


@asks("POST", "/auth/refresh", fresh=True)
def refresh(case: Situation) -> Ask:
    return Ask("/auth/refresh", "RefreshRequest", {"refresh_token": case.me.refresh_token})


@asks("POST", "/auth/logout", fresh=True)
def logout(_: Situation) -> Ask:
    return Ask("/auth/logout")


@asks("POST", "/auth/password", fresh=True)
def password(_: Situation) -> Ask:
    change = {"current_password": PASSWORD, "new_password": "another long phrase"}
    return Ask("/auth/password", "PasswordChange", change)


@asks("POST", "/auth/password/forgot")
def forgot(case: Situation) -> Ask:
    return Ask("/auth/password/forgot", "ForgotRequest", {"email": case.world.email()})


@asks("POST", "/auth/password/reset", fresh=True)
def reset(case: Situation) -> Ask:
    code = case.world.call("POST", "/auth/password/code", case.admin, json={"user_id": case.me.user_id})["code"]
    return Ask("/auth/password/reset", "ResetRequest", {"code": code, "new_password": "another long phrase"})


@asks("POST", "/auth/email/code")
def email_code(case: Situation) -> Ask:
    return Ask("/auth/email/code", "EmailCodeRequest", {"email": case.world.email()})


@asks("POST", "/auth/email/confirm")
def confirm_email(_: Situation) -> Ask:
    return Ask("/auth/email/confirm", "EmailConfirmation", {"code": "no such code"})


@asks("POST", "/auth/password/code")
def reset_code(case: Situation) -> Ask:
    return Ask("/auth/password/code", "ResetCodeRequest", {"user_id": case.owner.user_id})


@asks("DELETE", "/auth/sessions/{session_id}", fresh=True)
def end_session(case: Situation) -> Ask:
    return Ask(f"/auth/sessions/{case.world.call('GET', '/auth/sessions', case.owner)['items'][0]['id']}")


@asks("DELETE", "/auth/sessions", fresh=True)
def end_all_sessions(_: Situation) -> Ask:
    return Ask("/auth/sessions")


@asks("GET", "/auth/members/{user_id}/sessions")
@asks("DELETE", "/auth/members/{user_id}/sessions", fresh=True)
def sessions_of_member(case: Situation) -> Ask:
    return Ask(f"/auth/members/{case.owner.user_id}/sessions")


@asks("DELETE", "/auth/members/{user_id}/sessions/{session_id}", fresh=True)
def end_session_of_member(case: Situation) -> Ask:
    owner = case.owner  # each reading makes somebody new
    session = case.world.call("GET", "/auth/sessions", owner)["items"][0]["id"]
    return Ask(f"/auth/members/{owner.user_id}/sessions/{session}")


@asks("DELETE", "/auth/identity", fresh=True)
def delete_identity(_: Situation) -> Ask:
    return Ask("/auth/identity")


@asks("POST", "/auth/switch")
def switch(case: Situation) -> Ask:
    return Ask("/auth/switch", "SwitchRequest", {"org_id": case.me.org_id})


@asks("POST", "/auth/invitations/accept", fresh=True)
def accept(case: Situation) -> Ask:
    """An invitation into a new organization; whoever was registered by an admin has to change the password first."""
    password = case.world.own_password(case.me)
    asked = {"email": case.me.email, "role": "user"}
    code = case.world.call("POST", "/auth/invitations", case.world.found(), json=asked)["code"]
    proof = {} if case.caller in ROLES else {"email": case.me.email, "password": password}
    return Ask("/auth/invitations/accept", "InvitationAcceptance", {"code": code, **proof})


@asks("POST", "/auth/token/introspect")
def introspect(case: Situation) -> Ask:
    return Ask("/auth/token/introspect", "IntrospectRequest", {"token": case.me.access_token})


@asks("POST", "/auth/invitations")
def invite(case: Situation) -> Ask:
    return Ask("/auth/invitations", "InvitationRequest", {"email": case.world.email(), "role": "user"})


@asks("POST", "/auth/organizations/{org_id}/invitations")
def invite_into(case: Situation) -> Ask:
    invited = {"email": case.world.email(), "role": "admin"}
    return Ask(f"/auth/organizations/{case.org_id}/invitations", "InvitationRequest", invited)


def about_account(method: str, end: str, *, fresh: bool = False) -> None:
    """What the operator reads and does of an account."""

    @asks(method, "/auth/accounts/{user_id}" + end, fresh=fresh)
    def ask(case: Situation) -> Ask:
        return Ask(f"/auth/accounts/{case.me.user_id}{end}")


about_account("GET", "")
about_account("GET", "/sessions")
about_account("DELETE", "/sessions", fresh=True)
about_account("POST", "/lock", fresh=True)
about_account("POST", "/unlock")


@asks("GET", "/organization/{org_id}")
def read_any_organization(case: Situation) -> Ask:
    return Ask(f"/organization/{case.org_id}")


@asks("DELETE", "/auth/invitations/{invitation_id}")
def withdraw_invitation(case: Situation) -> Ask:
    own = case.person == "self" and case.caller in ("manager", "admin")
    by = case.me if own else case.admin
    return Ask(f"/auth/invitations/{case.thing('invitation', by)}")


@asks("POST", "/auth/api-keys")
def make_key(_: Situation) -> Ask:
    return Ask("/auth/api-keys", "ApiKeyRequest", {"kind": "device", "name": "watch"})


@asks("GET", "/auth/api-keys/{key_id}")
@asks("DELETE", "/auth/api-keys/{key_id}")
def use_key(case: Situation) -> Ask:
    return Ask(f"/auth/api-keys/{case.thing('API key', case.owner)}")


@asks("PATCH", "/auth/api-keys/{key_id}")
def change_key(case: Situation) -> Ask:
    return Ask(f"/auth/api-keys/{case.thing('API key', case.owner)}", "ApiKeyUpdate", {"name": "phone"})


@asks("POST", "/auth/api-keys/{key_id}/rotate")
def rotate_key(case: Situation) -> Ask:
    return Ask(f"/auth/api-keys/{case.thing('API key', case.owner)}/rotate", "ApiKeyRotation", {"overlap_seconds": 0})


@asks("POST", "/auth/api-keys/uses")
def record_uses(_: Situation) -> Ask:
    return Ask("/auth/api-keys/uses", "ApiKeyUses", {"uses": []})


@asks("DELETE", "/auth/locks/{user_id}")
def end_lock(case: Situation) -> Ask:
    return Ask(f"/auth/locks/{case.owner.user_id}")


@asks("PUT", "/organization")
def change_organization(_: Situation) -> Ask:
    return Ask("/organization", "OrganizationUpdate", {"policies": "ISO27001"})


@asks("PUT", "/organization/policies")
def change_policies(_: Situation) -> Ask:
    return Ask("/organization/policies", "OrganizationPoliciesUpdate", {"time_zone": "Europe/Madrid"})


@asks("GET", "/organization/{org_id}/limits")
def read_limits(case: Situation) -> Ask:
    return Ask(f"/organization/{case.org_id}/limits")


@asks("PUT", "/organization/{org_id}/limits")
def change_limits(case: Situation) -> Ask:
    limits = [{"name": "members", "value": 10_000}]
    return Ask(f"/organization/{case.org_id}/limits", "LimitsUpdate", {"limits": limits})


@asks("PUT", "/organization/{org_id}/mode")
def set_mode(case: Situation) -> Ask:
    return Ask(f"/organization/{case.org_id}/mode", "OrganizationModeUpdate", {"mode": "active"})


@asks("PUT", "/organization/{org_id}/plan")
def give_plan(case: Situation) -> Ask:
    return Ask(f"/organization/{case.org_id}/plan", "OrganizationPlanUpdate", {"plan": "unlimited"})


@asks("DELETE", "/organization")
def delete_organization(case: Situation) -> Ask:
    if case.caller == "admin":
        case.me = case.world.found()
    name = case.world.call("GET", "/organization", case.me)["name"]
    return Ask("/organization", "OrganizationDelete", {"name": name})


@asks("PUT", "/users/me")
def change_me(_: Situation) -> Ask:
    return Ask("/users/me", "UserUpdate", {"full_name": "Miles O'Brien"})


@asks("GET", "/users/{user_id}")
def read_user(case: Situation) -> Ask:
    return Ask(f"/users/{case.owner.user_id}")


@asks("PATCH", "/users/{user_id}", fresh=True)
def change_user(case: Situation) -> Ask:
    change = {"active": True} if case.person == "self" else {"role": "manager"}
    return Ask(f"/users/{case.owner.user_id}", "UserAdminUpdate", change)


@asks("DELETE", "/users/{user_id}", fresh=True)
def delete_user(case: Situation) -> Ask:
    return Ask(f"/users/{case.owner.user_id}")


@asks("GET", "/users/me/exports/{job_id}")
def read_export(case: Situation) -> Ask:
    return Ask(f"/users/me/exports/{case.world.thing_of('export', case.owner)}")


def erasure(path: str) -> None:
    """The order, between services, to remove what is kept of a person."""

    @asks("POST", path, fresh=True)
    def erase(case: Situation) -> Ask:
        return Ask(path, "ErasureRequest", {"org_id": case.me.org_id, "user_id": case.me.user_id})


for _prefix in ("/auth", "/users", "/media", "/timeseries", "/alarms"):
    erasure(f"{_prefix}/erasures")


def whose(case: Situation) -> str:
    """The query of a route between services: a person of an organization."""
    return f"?org_id={case.me.org_id}&user_id={case.me.user_id}"


def export(path: str) -> None:
    """What a service keeps of a person, between services; in the one format it has."""

    @asks("GET", path)
    def ask(case: Situation) -> Ask:
        return Ask(path + whose(case), headers={"Accept": "*/*"})


for _prefix in ("/auth", "/organization", "/media", "/timeseries", "/audit", "/alarms"):
    export(f"{_prefix}/exports")


@asks("GET", "/media/exports/{item_id}")
def export_item(case: Situation) -> Ask:
    item = case.world.thing_of("media", case.me)
    return Ask(f"/media/exports/{item}{whose(case)}", headers={"Accept": "*/*"})


ZIP = b"PK\x05\x06" + bytes(18)  # an archive with nothing in it


@asks("PUT", "/media/archives")
def keep_archive(case: Situation) -> Ask:
    return Ask(f"/media/archives{whose(case)}", body=ZIP, headers={"Content-Type": "application/zip"})


@asks("GET", "/media/archives/{item_id}")
def read_archive(case: Situation) -> Ask:
    kept = requests.put(
        case.world.urls["media"] + "/media/archives" + whose(case),
        data=ZIP,
        headers={**case.world.credentials["service"], "Content-Type": "application/zip"},
        timeout=60,
    )
    assert kept.status_code == 201, kept.text
    return Ask(f"/media/archives/{kept.json()['id']}{whose(case)}")


@asks("POST", "/media/imports")
def announce_import_file(case: Situation) -> Ask:
    file = {"org_id": case.me.org_id, "user_id": case.me.user_id, "file_name": "export.zip", "size": 2}
    return Ask("/media/imports", "ImportUpload", file)


@asks("GET", "/media/imports/{item_id}")
def read_import_file(case: Situation) -> Ask:
    return Ask(f"/media/imports/{UNKNOWN}{whose(case)}", headers={"Accept": "*/*"})


@asks("DELETE", "/media/imports/{item_id}")
def remove_import_file(case: Situation) -> Ask:
    return Ask(f"/media/imports/{UNKNOWN}{whose(case)}")


@asks("POST", "/auth/memberships", fresh=True)
def change_membership(case: Situation) -> Ask:
    seen = {"seen_role": case.me.role, "seen_active": True, "actor_id": case.me.user_id, "actor_role": case.me.role}
    change = {"org_id": case.me.org_id, "user_id": case.me.user_id, "role": "user", "active": True, **seen}
    return Ask("/auth/memberships", "MembershipChange", change)


@asks("GET", "/organization/deletions/{job_id}")
def read_organizations_end(case: Situation) -> Ask:
    return Ask(f"/organization/deletions/{case.world.ended_organization}")


@asks("GET", "/users/deletions/{job_id}")
def read_persons_end(case: Situation) -> Ask:
    return Ask(f"/users/deletions/{case.world.ended_person(case.organization)}")

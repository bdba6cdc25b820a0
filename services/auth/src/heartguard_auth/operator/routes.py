"""Accounts of every organization, for the operator."""

from heartguard_auth.operator.domain import AccountFilter, AccountState
from heartguard_auth.operator.usecases import OperatorUseCases
from heartguard_auth.sessions.routes import session_document
from heartguard_auth.shared.routes import NO_STORE
from heartguard_common.core.clock import rfc3339
from heartguard_common.http import paging
from heartguard_common.http.routing import Answer, Call, EmptyCall, Route
from heartguard_common.messages import AccountList, AccountListQuery, MembershipResult, SessionList
from heartguard_common.messages import AccountState as AccountStateMessage


def list_accounts(operator: OperatorUseCases, call: Call[None, AccountListQuery]) -> Answer[AccountList]:
    """List the accounts of all organizations.

    Sorted by id; `email`, `q`, `org_id`, `role` and `active` filter the list.
    """
    asked = call.query
    wanted = AccountFilter(
        asked.get("email"), asked.get("q"), asked.get("org_id"), asked.get("role"), asked.get("active")
    )
    limit = asked.get("limit", paging.DEFAULT_LIMIT)
    cursor = paging.decode_cursor(asked.get("cursor"), int) or [0]
    found = operator.page(wanted, cursor[0], limit + 1)
    page = paging.page(found, limit, _document, lambda account: [account.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=NO_STORE)


def read_account(operator: OperatorUseCases, call: EmptyCall) -> Answer[AccountStateMessage]:
    """Read an account of any organization.

    With its open sessions, and how long logins are locked after failed ones.
    """
    return Answer(_document(operator.read(call.person, int(call.params["user_id"]))), headers=NO_STORE)


def list_sessions_of_account(operator: OperatorUseCases, call: EmptyCall) -> Answer[SessionList]:
    """List the open sessions of any person."""
    found = operator.sessions_of(call.person, int(call.params["user_id"]))
    return Answer({"items": [session_document(it, current=False) for it in found]}, headers=NO_STORE)


def end_sessions_of_account(operator: OperatorUseCases, call: EmptyCall) -> Answer[MembershipResult]:
    """End all open sessions of any person."""
    return Answer({"sessions_ended": operator.end_sessions(call.person, int(call.params["user_id"]))})


def lock_account(operator: OperatorUseCases, call: EmptyCall) -> Answer[MembershipResult]:
    """Lock an account of any organization.

    The person can't log in any more, and all of their sessions end at once. Also the last admin of an organization
    can be locked.
    """
    return Answer({"sessions_ended": operator.lock(call.person, int(call.params["user_id"]))})


def unlock_account(operator: OperatorUseCases, call: EmptyCall) -> Answer[None]:
    """Unlock an account of any organization.

    The person can log in again, also after too many failed logins: these are forgotten.
    """
    operator.unlock(call.person, int(call.params["user_id"]))
    return Answer(None)


ROUTES = (
    Route("GET", "/auth/accounts", list_accounts),
    Route("GET", "/auth/accounts/{user_id}", read_account),
    Route("GET", "/auth/accounts/{user_id}/sessions", list_sessions_of_account),
    Route("DELETE", "/auth/accounts/{user_id}/sessions", end_sessions_of_account),
    Route("POST", "/auth/accounts/{user_id}/lock", lock_account),
    Route("POST", "/auth/accounts/{user_id}/unlock", unlock_account, status=204),
)


def _document(account: AccountState) -> AccountStateMessage:
    document: AccountStateMessage = {
        "id": account.id,
        "email": account.email,
        "full_name": account.full_name,
        "role": account.role,
        "org_id": account.org_id,
        "active": account.active,
        "created_at": account.created_at,
        "open_sessions": account.open_sessions,
    }
    if account.last_used_at:
        document["last_used_at"] = rfc3339(account.last_used_at)
    if account.login_locked_until:
        document["login_locked_until"] = rfc3339(account.login_locked_until)
    return document

"""An account as the operator sees it, and what a list of accounts is filtered by."""

from dataclasses import dataclass

from heartguard_common.messages import Role


@dataclass(frozen=True)
class AccountState:
    """An account and its use; `created_at` is RFC 3339 text, the other times are nanoseconds since 1970.

    `last_used_at` is when an open session last got new tokens, 0 without one. `login_locked_until` is the end of the
    last lock after failed logins, 0 without one.
    """

    id: int
    org_id: int
    email: str
    full_name: str | None
    role: Role
    active: bool
    created_at: str
    open_sessions: int
    last_used_at: int
    login_locked_until: int = 0


@dataclass(frozen=True)
class AccountFilter:
    """The conditions of a list of accounts; `text` is a part of the name or the e-mail address."""

    email: str | None = None
    text: str | None = None
    org_id: int | None = None
    role: Role | None = None
    active: bool | None = None

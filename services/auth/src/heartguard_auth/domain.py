"""Accounts, sessions and the rules about them that are true without a computer."""

import hashlib
import secrets
import string
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from heartguard_common.messages import Preferences, Role

SESSION_SECONDS = 90 * 86_400
GRACE_SECONDS = 10
RANKS: Mapping[str, int] = {"user": 1, "manager": 2, "admin": 3}


@dataclass(frozen=True)
class Account:
    """A member of an organization; `created_at` is RFC 3339 text."""

    id: int
    org_id: int
    email: str
    role: Role
    active: bool
    created_at: str
    full_name: str | None = None
    password_hash: str = ""
    preferences: Preferences = field(default_factory=dict)


@dataclass(frozen=True)
class MembershipStatus:
    """What a member is in the organization, and who else is there: active admins, and members of any kind."""

    role: Role
    active: bool
    other_admins: int
    other_members: int

    def would_orphan(self, role: Role, *, active: bool) -> bool:
        """Whether the organization would have members but no active admin if this one were so."""
        leads = self.role == "admin" and self.active
        return leads and not (role == "admin" and active) and not self.other_admins and self.other_members > 0


@dataclass(frozen=True)
class NewAccount:
    """An account about to be made; without `org_id` it founds the organization `organization_name`."""

    email: str
    password_hash: str
    role: Role
    full_name: str | None
    organization_name: str
    org_id: int | None = None


@dataclass(frozen=True)
class Invitation:
    """A place in an organization that waits for the owner of an address; `expires_at` in nanoseconds."""

    id: str
    org_id: int
    email: str
    role: Role
    created_by: int
    expires_at: int


@dataclass(frozen=True)
class Session:
    """A login on one device; times are nanoseconds since the epoch."""

    id: str
    user_id: int
    created_at: int
    expires_at: int
    last_used_at: int = 0
    ended: bool = False
    address: str = ""
    user_agent: str = ""


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token as it is stored: its digest, and the access token that was given out with it.

    `signed`: the token itself says whose session it is.
    """

    digest: bytes
    session_id: str
    created_at: int
    expires_at: int
    access_token_id: str
    access_expires_at: int
    access_key_id: str | None = None
    used_at: int | None = None
    replaced_by: bytes | None = None
    signed: bool = False


class Claims(TypedDict):
    """What an access token says (RFC 7519 section 4.1): `iat` and `exp` in seconds, `sid` the session."""

    sub: str
    role: Role
    org_id: int
    iat: int
    exp: int
    jti: str
    iss: str
    aud: str
    sid: str


@dataclass(frozen=True)
class TokenPair:
    """What a login or a refresh gives; `expires_in` is in seconds, `refresh_expires_in` too."""

    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int


@dataclass(frozen=True)
class Device:
    """Where a login came from."""

    address: str
    user_agent: str


@dataclass(frozen=True)
class GuessLimit:
    """So many failures in `window_seconds` lock for `lock_seconds`, counted from the last of them."""

    failures: int
    window_seconds: int
    lock_seconds: int


PAIR_LIMIT = GuessLimit(failures=5, window_seconds=15 * 60, lock_seconds=30 * 60)
# One account from everywhere, and one address at every account: slower, because they lock out bystanders too.
ACCOUNT_LIMIT = GuessLimit(failures=50, window_seconds=3600, lock_seconds=15 * 60)
ADDRESS_LIMIT = GuessLimit(failures=100, window_seconds=3600, lock_seconds=15 * 60)
AttemptOutcome = Literal["failed", "void", "succeeded"]


@dataclass(frozen=True)
class Subjects:
    """Whom an attempt is counted against: keyed hashes of the account's e-mail and of the client's address."""

    account: str
    address: str


@dataclass(frozen=True)
class Lock:
    """No password may be tried until `until` (nanoseconds since 1970) for that account, from that address.

    `account` or `address` is empty where the lock is for every one.
    """

    account: str
    address: str
    until: int


@dataclass(frozen=True)
class Attempt:
    """A password about to be tried, by hashes of account and address; counted, unless `wait_seconds` says to wait.

    `busy`: attempts under way are among the reasons to wait. `local`: counted in this process only.
    """

    id: str
    account: str
    address: str
    wait_seconds: int = 0
    busy: bool = False
    local: bool = False


@dataclass(frozen=True)
class Email:
    """A mail to one person, as plain text."""

    to: str
    subject: str
    text: str


@dataclass(frozen=True)
class Claimed:
    """An entry of the outbox, still encrypted, that no other sender gets for a while."""

    id: str
    kind: str
    sealed: str


@dataclass(frozen=True)
class OutboxEntry:
    """The content of an outbox entry: an `email` to send, or the address of who has `forgotten` the password."""

    email: Email | None = None
    forgotten: str | None = None


def email_key(email: str) -> str:
    """What makes two addresses the same: case and Unicode compatibility forms don't count."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).casefold())


def founding_name(email: str, organization_name: str | None) -> str:
    """The name of a founded organization: as given, or the part of the address before the @."""
    return organization_name or email.partition("@")[0]


def guessable(password: str, email: str, common: frozenset[str]) -> bool:
    """Whether a password is among the most common ones or is the address itself (NIST SP 800-63B 5.1.1.2).

    Case does not count, nor do digits and punctuation behind a common one: `Jennifer1!` is `jennifer`.
    """
    folded = password.casefold()
    names = (email.casefold(), email.partition("@")[0].casefold())
    return folded in common or folded.rstrip(_SUFFIX) in common or folded in names


_SUFFIX = string.digits + string.punctuation


def digest(token: str) -> bytes:
    """How a token is stored: it has enough random bits for a plain hash."""
    return hashlib.sha256(token.encode()).digest()


def given_roles(giver: str) -> tuple[str, ...]:
    """The roles that a member with the role `giver` may give: as they register or invite somebody, or change a role.

    A member who may not give a role does not see invitations to it either.
    """
    return {"admin": tuple(RANKS), "manager": ("user",)}.get(giver, ())


def render_email(template: str, to: str, **values: object) -> Email:
    """An e-mail from a template, whose first line is `Subject: ...` and whose `${names}` are filled in."""
    head, _, text = string.Template(template).substitute(values).partition("\n\n")
    return Email(to, head.removeprefix("Subject: "), text)


def new_code() -> str:
    """A code that a person can read out and type: 125 random bits in five groups of Crockford's base 32."""
    drawn = "".join(secrets.choice(_CODE_ALPHABET) for _ in range(25))
    return "-".join(drawn[start : start + 5] for start in range(0, 25, 5))


def code_digest(code: str) -> bytes:
    """How a code is stored; case, dashes and blanks don't count, nor letters that look like digits."""
    plain = code.upper().translate(_READ_AS)
    return digest("".join(render_email for render_email in plain if render_email in _CODE_ALPHABET))


_CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans("OIL", "011")

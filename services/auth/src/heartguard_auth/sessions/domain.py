"""Sessions and their tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

from heartguard_auth.accounts.domain import Membership

SESSION_SECONDS = 90 * 86_400
# How long the exchange of a refresh token may be repeated, with the same answer.
REPLAY_SECONDS = 10


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
    """A refresh token as it is stored: its digest, and the access token that was issued with it.

    `signed`: the token itself names its session.
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


@dataclass(frozen=True)
class TokenPair:
    """What a login or a refresh returns; `expires_in` and `refresh_expires_in` are in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int


@dataclass(frozen=True)
class NewSession:
    """The tokens of a new session, for the membership `user_id`; `memberships` where the identity has several."""

    pair: TokenPair
    user_id: int
    memberships: Sequence[Membership] = ()


@dataclass(frozen=True)
class Device:
    """Where a login came from."""

    address: str
    user_agent: str

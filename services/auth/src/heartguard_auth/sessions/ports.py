"""What stores sessions, makes refresh tokens and repeats answers."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_auth.accounts.domain import Account
from heartguard_auth.login_attempts.domain import AttemptSubjects
from heartguard_auth.sessions.domain import RefreshToken, Session, TokenPair
from heartguard_common.audit.events import AuditEvent


class LoginAccounts(Protocol):
    """Accounts as a login reads them."""

    def find(self, email: str, subjects: AttemptSubjects, org_id: int | None = None) -> tuple[Account | None, int]:
        """The membership to log in to, deleted ones excepted, and when the last lock of these subjects ends.

        Without `org_id` it is the last used one of those that are active. The end is in nanoseconds since 1970, and 0
        without a lock.
        """


class RefreshTokens(Protocol):
    """Makes the texts of refresh tokens."""

    def make(self, session_id: str, expires_at: int) -> str:
        """A new token of a session; `expires_at` in nanoseconds since the epoch."""

    def session_of(self, token: str, now: int) -> str | None:
        """The session of a token that was made here and has not expired by `now`; None for any other text."""


class Sessions(Protocol):
    """Sessions and the refresh tokens of each."""

    def open(self, account: Account, session: Session, token: RefreshToken, event: AuditEvent) -> bool:
        """Store a session, its first refresh token and the event; False when the account has changed since it was read.

        Password, role and state can't change between the comparison and the commit.
        """

    def find(self, digest: bytes) -> tuple[RefreshToken, Session] | None:
        """A refresh token and its session, both locked until the transaction ends."""

    def replace(self, old: bytes, new: RefreshToken) -> None:
        """Mark a token as used and store its successor."""

    def token(self, digest: bytes) -> RefreshToken | None:
        """A refresh token by its digest."""

    def open_session(self, session_id: str) -> Session | None:
        """A session that has not ended, locked until the transaction ends."""

    def by_access_token(self, token_id: str) -> tuple[RefreshToken, Session] | None:
        """The refresh token that was issued with an access token."""

    def end(self, session_ids: Sequence[str], at: int) -> None:
        """End sessions."""

    def count_open(self, user_id: int) -> int:
        """How many sessions of a person could still be used."""

    def surplus(self, user_id: int, most: int) -> list[str]:
        """The ids of a person's open sessions except the `most` that were used last."""

    def list_open(self, user_id: int) -> list[Session]:
        """The sessions of a person that could still be used, last used first; at most 1,000."""

    def open_of(self, user_ids: Sequence[int]) -> list[str]:
        """The ids of the sessions of these people that could still be used."""

    def all_of(self, user_id: int) -> Sequence[Session]:
        """Every stored session of a person, ended ones too, the oldest first."""

    def delete_of(self, user_ids: Sequence[int]) -> None:
        """Remove the sessions of these people, with addresses and devices."""


class RefreshReplays(Protocol):
    """The answers of the last seconds' refreshes, readable only with the token that was exchanged."""

    def store(self, token: str, pair: TokenPair) -> None:
        """Store the pair that `token` was exchanged for. Raises GEN_503 when it can't be stored."""

    def find(self, token: str) -> TokenPair | None:
        """The pair that `token` was exchanged for. Raises GEN_503 when that can't be read."""

"""What the use cases of auth need from outside."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from heartguard_auth.domain import (
    Account,
    Attempt,
    AttemptOutcome,
    Claimed,
    Claims,
    Email,
    Invitation,
    Lock,
    MembershipStatus,
    NewAccount,
    OutboxEntry,
    RefreshToken,
    Session,
    Subjects,
    TokenPair,
)
from heartguard_common.audit.events import AuditEvent
from heartguard_common.core.retry import AttemptError
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import JwkDocument


class MailError(AttemptError):
    """An e-mail was not sent; `reason` quotes neither the e-mail nor the mail server."""


class MailServerUnavailable(MailError):  # noqa: N818  a state of the server
    """The mail server takes no e-mail at all now."""


class Deferred(MailError):  # noqa: N818  a state of the e-mail
    """The mail server does not take this e-mail now."""


class Undeliverable(MailError):  # noqa: N818  a state of the e-mail
    """The e-mail can't be sent, now or later."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, permanent=True)


class Transactions(Protocol):
    """All or nothing, over all stores below."""

    def transaction(self) -> AbstractContextManager[object]:
        """Everything inside happens together or not at all."""


class Accounts(Protocol):
    """The accounts, and the first row of each organization."""

    def add(self, account: NewAccount) -> Account | None:
        """Make an account (and its organization, if it founds one); None when the address is taken.

        Raises `LimitError` when the organization has as many people as it may have.
        """

    def by_email(self, email: str) -> Account | None:
        """The account of an address, deleted ones excepted."""

    def by_email_and_lock(self, email: str, subjects: Subjects) -> tuple[Account | None, int]:
        """As `by_email`, and when the last lock of these ends, in nanoseconds since 1970; 0 without one."""

    def by_id(self, user_id: int) -> Account | None:
        """The account with that id, deleted ones excepted."""

    def set_password(self, account: Account, hashed: str) -> bool:
        """Replace the password hash; False when the account is no longer as it was read."""

    def lock_if_unchanged(self, account: Account) -> bool:
        """Keep password, role and state as they were read until the transaction ends; False when they are not."""

    def membership_status(self, org_id: int, user_id: int) -> MembershipStatus | None:
        """What a member is; until the transaction ends neither that nor who leads the organization can change."""

    def place(self, user_id: int, role: str, *, active: bool) -> None:
        """Give a member a role, and let them act or not."""

    def addresses(self, org_id: int, user_id: int | None) -> list[str]:
        """The addresses of the members of an organization, or of one of them."""

    def mark_deleted(self, user_id: int) -> None:
        """Set the mark of a member's deletion: from its commit on nothing more of theirs is stored."""

    def erase(self, org_id: int, user_id: int | None) -> list[int]:
        """Anonymize the accounts of an organization, or one of them; returns the ids that were not yet."""


class RefreshTokens(Protocol):
    """Makes the texts of refresh tokens."""

    def make(self, session_id: str, expires_at: int) -> str:
        """A new token of a session; `expires_at` in nanoseconds since the epoch."""

    def session_of(self, token: str, now: int) -> str | None:
        """The session of a token that was made here and has not expired by `now`; None for any other text."""


class Sessions(Protocol):
    """Sessions and the refresh tokens of each."""

    def open(self, account: Account, session: Session, token: RefreshToken, event: AuditEvent) -> bool:
        """Begin a session with its first refresh token, and say so; False when the account is not as it was read.

        Password, role and state can't change between the look and the commit.
        """

    def find(self, digest: bytes) -> tuple[RefreshToken, Session] | None:
        """A refresh token and its session, both locked until the transaction ends."""

    def replace(self, old: bytes, new: RefreshToken) -> None:
        """Mark a token as used and store the one that takes its place."""

    def token(self, digest: bytes) -> RefreshToken | None:
        """A refresh token by its digest."""

    def open_session(self, session_id: str) -> Session | None:
        """A session that has not ended, locked until the transaction ends."""

    def by_access_token(self, token_id: str) -> tuple[RefreshToken, Session] | None:
        """The refresh token that was given out with an access token."""

    def end(self, session_ids: Sequence[str], at: int) -> None:
        """End sessions."""

    def count_open(self, user_id: int) -> int:
        """How many sessions of a person could still be used."""

    def surplus(self, user_id: int, most: int) -> list[str]:
        """The ids of a person's open sessions but for so many that were used last."""

    def list_open(self, user_id: int) -> list[Session]:
        """The sessions of a person that could still be used, last used first; at most 1,000."""

    def open_of(self, user_ids: Sequence[int]) -> list[str]:
        """The ids of the sessions of these people that could still be used."""

    def all_of(self, user_id: int) -> Sequence[Session]:
        """Every session of a person that is kept, ended ones too, the oldest first."""

    def forget(self, user_ids: Sequence[int]) -> None:
        """Remove all that is kept of the sessions of these people: addresses and devices too."""


class RevocationList(Protocol):
    """The truth about what is revoked, and its fast copy."""

    def add(self, kind: str, values: Sequence[str], reason: str, expires_at: int) -> None:
        """Revoke tokens (`jti`), sessions (`sid`) or keys (`kid`) until `expires_at`, in nanoseconds."""

    def publish(self, kind: str, values: Sequence[str], expires_at: int) -> None:
        """Bring a committed revocation to the copy, now or as soon as the copy is back."""

    def holds(self, principal: Principal) -> bool:
        """Whether the truth says that this token, its session or its key is revoked."""


class Signer(Protocol):
    """Signs access tokens."""

    def sign(self, claims: Claims) -> tuple[str, str]:
        """A signed token (RFC 7515 compact form), and the id of the key that signed it."""

    def public_keys(self) -> list[JwkDocument]:
        """The public keys as JWKs (RFC 7517); empty when a shared secret signs."""


class Hasher(Protocol):
    """Hashes passwords."""

    def hash(self, password: str) -> str:
        """A hash with its parameters and salt."""

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; takes as long when there is no hash to compare with."""

    def outdated(self, stored: str) -> bool:
        """Whether that hash was made with other parameters than a new one would be."""


class GraceAnswers(Protocol):
    """The answers of the last seconds' refreshes, readable only with the token that was exchanged."""

    def keep(self, token: str, pair: TokenPair) -> None:
        """Keep the pair that `token` was exchanged for. Raises GEN_503 when it can't be kept."""

    def find(self, token: str) -> TokenPair | None:
        """The pair that `token` was exchanged for. Raises GEN_503 when that can't be known."""


class Outbox(Protocol):
    """E-mails that wait to be sent, safe from crashes. Without a mail server nothing is kept.

    A use case that sends something calls `enqueue` inside its own transaction: the e-mail is sent after
    the commit, by the thread `mail`, and not at all without it. It may arrive twice, with one Message-ID.
    """

    def enqueue(self, to: str, subject: str, text: str, *, org_id: int, sender: int) -> None:
        """Have an e-mail sent once the current transaction has committed.

        It counts as the organization's and the sender's, and as one that the address gets from any organization.
        Raises `LimitError` when one of them has had as many as there may be in a day.
        """

    def may_send_code(self, email: str) -> bool:
        """Whether another code may be sent to an address today."""

    def code_sent(self, email: str) -> None:
        """Count a code that was sent to an address, with the current transaction."""

    def ask(self, email: str) -> None:
        """Note that somebody forgot the password of this address, whether or not there is an account."""

    def claim(self) -> Claimed | None:
        """The entry that has waited longest, kept from other senders for a while; None when nothing is due."""

    def open(self, entry: Claimed) -> OutboxEntry:
        """What an entry holds. Raises ValueError where it can't be decrypted: the secret has changed."""

    def release(self, entry: Claimed) -> None:
        """Give an entry back untried: it is due as before."""

    def finish(self, entry: Claimed, *, quiet_seconds: int = 0) -> None:
        """Forget an entry; one that was asked for is remembered for so long, and asked again in vain."""

    def postpone(self, entry: Claimed, due_ns: int | None) -> None:
        """Try an entry again at that time, in nanoseconds since the epoch; None: not before the operator says so."""

    def forget(self, addresses: Sequence[str]) -> None:
        """Remove every entry for these addresses."""


class Mailer(Protocol):
    """Hands e-mails to a mail server."""

    def send(self, email: Email, email_id: str) -> None:
        """Hand over one e-mail.

        Raises `Undeliverable` where trying this e-mail again can't help, `Deferred` where it may, and
        `MailServerUnavailable` where no e-mail could be sent now.
        """


class Invitations(Protocol):
    """Invitations by the digests of their codes; one counts while it could be made again and has not expired."""

    def add(self, invitation: Invitation, digest: bytes) -> None:
        """Store an invitation; an earlier one of that address into that organization stops counting."""

    def waiting(self, org_id: int, roles: tuple[str, ...], after: str | None, limit: int) -> list[Invitation]:
        """The invitations of an organization for these roles that count, oldest first, behind the id `after`."""

    def find(self, digest: bytes, email: str) -> Invitation | None:
        """The invitation of that code, if it counts and is for that address."""

    def spend(self, digest: bytes, email: str) -> Invitation | None:
        """As `find`, and uses it up when the transaction commits."""

    def withdraw(self, org_id: int, roles: tuple[str, ...], invitation_id: str) -> Invitation | None:
        """Remove an invitation of an organization for one of these roles; None when there is none."""

    def forget(self, org_id: int, user_id: int | None) -> list[str]:
        """Remove what a member has sent and what was sent to them by anybody; or all of that of an organization.

        Returns the addresses that were invited.
        """


class Resets(Protocol):
    """The codes for forgotten passwords, by their digests."""

    def issue(self, user_id: int, digest: bytes, expires_at: int) -> None:
        """Store a code; the person's earlier ones stop counting."""

    def owner(self, digest: bytes) -> int | None:
        """Whose live code that is; None for any other."""

    def spend(self, digest: bytes) -> bool:
        """Use a live code up; False when somebody else was first."""

    def forget(self, user_ids: Sequence[int]) -> None:
        """Remove every code of these people."""


class Guesses(Protocol):
    """Counts failed attempts per account and address, per account, and per address."""

    def subjects(self, email: str, address: str) -> Subjects:
        """Whom attempts on that account from that address are counted against."""

    def begin(self, email: str, address: str) -> Attempt:
        """Count an attempt, or say how long to wait."""

    def end(self, attempt: Attempt, how: AttemptOutcome) -> Sequence[Lock]:
        """Say how a counted attempt ended: only failures stay counted, and a success forgives the pair's.

        Returns the locks that a failure has begun.
        """

    def clear(self, email: str) -> None:
        """Forget the failures of an account at all addresses. Raises GEN_503 where that can't be done."""


class Locks(Protocol):
    """The locks that failures have begun; they outlast whatever counts the failures."""

    def until(self, subjects: Subjects) -> int:
        """When the last lock of that account or address ends, in nanoseconds since 1970; 0 without one."""

    def begin(self, locks: Sequence[Lock]) -> None:
        """Keep locks that have begun."""

    def end(self, account: str) -> None:
        """End the locks of an account, those at single addresses too."""

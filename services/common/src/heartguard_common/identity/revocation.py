"""Revocation of tokens: PostgreSQL, behind auth's introspection, has the revocations; Redis has a copy for fast reads.

The copy may be trusted only while the key `hg:rev:ready`, the ready mark, exists. The services renew it every second
after comparing the copy with PostgreSQL (`revocation_copy`); without renewal it expires after 5 s. It holds an epoch
that only increases: a Redis that was restored to an older state shows an older epoch.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, Self

from heartguard_common.identity import organization_state
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.modes import ACTIVE
from heartguard_common.identity.organization_state import OrganizationState
from heartguard_common.messages import Mode

READY = "hg:rev:ready"
# Two threads may process their replies in another order than Redis sent them: for this long the mark before the newest
# one is accepted.
REORDERED_SECONDS = 0.25


class Verdict(Enum):
    """The state of a token according to the copy in Redis."""

    ACTIVE = "active"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ReadyMark:
    """The value of `hg:rev:ready`: tokens issued before `not_before` (seconds since 1970) are revoked."""

    epoch: int
    not_before: int = 0

    @classmethod
    def parse(cls, value: object) -> Self | None:
        """The mark in a reply of Redis; None where the key is missing or has another form."""
        text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
        if not isinstance(text, str):
            return None
        epoch, _, not_before = text.partition(":")
        try:
            return cls(int(epoch), int(not_before or 0))
        except ValueError:
            return None

    def text(self) -> str:
        """The value to store in Redis."""
        return f"{self.epoch}:{self.not_before}"


def key(kind: str, value: str) -> str:
    """The Redis key that marks a token (`jti`), a session (`sid`) or a signing key (`kid`) as revoked."""
    return f"hg:rev:{kind}:{value}"


@dataclass(frozen=True, slots=True)
class CallerState:
    """Whether a caller's credential was revoked, and the mode of their organization."""

    verdict: Verdict
    mode: Mode = ACTIVE


def keys(principal: Principal) -> list[str]:
    """The keys to MGET for a person's token; `CopyReader` reads the values in this order."""
    marks = (("jti", principal.token_id), ("sid", principal.session_id), ("kid", principal.key_id))
    revoked = (key(kind, value) for kind, value in marks if value)
    return [READY, *revoked, organization_state.key(principal.org_id)]


class CopyReader:
    """Decides by the copy whether tokens are revoked; remembers the newest ready mark that this process has seen."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._value: object = None
        self._newest = ReadyMark(0)
        self._before = ReadyMark(0)
        self._since = 0.0

    def verdict(self, principal: Principal, values: Sequence[object]) -> Verdict:
        """The verdict by the reply to MGET of `keys(principal)`; unknown without a mark, or if its epoch decreased."""
        mark = self._newest if values[0] is not None and values[0] == self._value else self._read(values[0])
        if mark is None:
            return Verdict.UNKNOWN
        revoked = principal.issued_at < mark.not_before or any(value is not None for value in values[1:-1])
        return Verdict.REVOKED if revoked else Verdict.ACTIVE

    def organization(self, values: Sequence[object]) -> OrganizationState:
        """The state of the person's organization by the same reply; it counts only with a verdict that is known."""
        return OrganizationState.parse(values[-1])

    def state(self, principal: Principal, values: Sequence[object]) -> CallerState:
        """Both, by the same reply."""
        return CallerState(self.verdict(principal, values), self.organization(values).mode)

    def _read(self, value: object) -> ReadyMark | None:
        mark, newest = ReadyMark.parse(value), self._newest
        if mark is None or mark.epoch == newest.epoch:
            return mark
        if mark.epoch > newest.epoch:
            self._before, self._since = newest, self._monotonic()
            self._newest, self._value = mark, value
            return mark
        reordered = mark == self._before and self._monotonic() - self._since < REORDERED_SECONDS
        return mark if reordered else None


class Revocations(Protocol):
    """Checks whether a verified token was revoked."""

    def require_active(self, principal: Principal, token: str) -> Mode:
        """The mode of the person's organization, if the token is not revoked.

        Raises GEN_401_TOKEN when it is, GEN_503 when that is unknown.
        """

"""Has a token been revoked? Redis holds the fast copy, PostgreSQL (behind auth's introspection) the truth.

The copy may be trusted only while the mark `hg:rev:ready` exists. The services renew it every second, after they
have compared the copy with the truth (`revocation_copy`), and it expires within seconds when nobody does. It carries
an epoch that only grows: a Redis that went back to an older state shows an older epoch.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, Self

from heartguard_common.identity.authentication import Principal

READY = "hg:rev:ready"
# Two threads may compare their answers in another order than they got them: so old may the mark before the newest be.
REORDERED_SECONDS = 0.25


class Verdict(Enum):
    """What the copy in Redis says of a token."""

    ACTIVE = "active"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Mark:
    """The value of `hg:rev:ready`: tokens issued before `not_before` (seconds since 1970) count no more."""

    epoch: int
    not_before: int = 0

    @classmethod
    def parse(cls, value: object) -> Self | None:
        """The mark that Redis gave; None for none, and for what is not one."""
        text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
        if not isinstance(text, str):
            return None
        epoch, _, not_before = text.partition(":")
        try:
            return cls(int(epoch), int(not_before or 0))
        except ValueError:
            return None

    def text(self) -> str:
        """The value to write."""
        return f"{self.epoch}:{self.not_before}"


def key(kind: str, value: str) -> str:
    """The Redis key that marks a token (`jti`), a session (`sid`) or a signing key (`kid`) as revoked."""
    return f"hg:rev:{kind}:{value}"


def keys(principal: Principal) -> list[str]:
    """The keys to MGET for a person's token; `Copy.judge` reads the values in this order."""
    marks = (("jti", principal.token_id), ("sid", principal.session_id), ("kid", principal.key_id))
    return [READY, *(key(kind, value) for kind, value in marks if value)]


class Copy:
    """What one process has seen of the copy's mark; it judges tokens by the copy."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._value: object = None
        self._newest = Mark(0)
        self._before = Mark(0)
        self._since = 0.0

    def judge(self, principal: Principal, values: Sequence[object]) -> Verdict:
        """The verdict of an MGET of `keys(principal)`: unknown without the mark, and with an older one than before."""
        mark = self._newest if values[0] is not None and values[0] == self._value else self._read(values[0])
        if mark is None:
            return Verdict.UNKNOWN
        revoked = principal.issued_at < mark.not_before or any(value is not None for value in values[1:])
        return Verdict.REVOKED if revoked else Verdict.ACTIVE

    def _read(self, value: object) -> Mark | None:
        mark, newest = Mark.parse(value), self._newest
        if mark is None or mark.epoch == newest.epoch:
            return mark
        if mark.epoch > newest.epoch:
            self._before, self._since = newest, self._monotonic()
            self._newest, self._value = mark, value
            return mark
        reordered = mark == self._before and self._monotonic() - self._since < REORDERED_SECONDS
        return mark if reordered else None


class Revocations(Protocol):
    """Something that knows whether a verified token still counts."""

    def require_active(self, principal: Principal, token: str) -> None:
        """Return when the token is not revoked. Raises GEN_401_TOKEN when it is, GEN_503 when that is unknown."""

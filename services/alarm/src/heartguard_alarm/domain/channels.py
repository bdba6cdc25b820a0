"""Channels: where messages about alarms go."""

import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256

from heartguard_common.messages.alarm import ChannelKind, Language

CODE_SECONDS = 24 * 3600
CODE_ATTEMPTS = 5
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True)
class Channel:
    """A channel of an organization; times are nanoseconds since the epoch.

    An e-mail channel leads to the member `user_id`, or to an address. `service` is `email` or the schema of the URL;
    `shown` says where it leads to, without what could be used to send something there. Nothing is sent before
    `verified_ns`.
    """

    org_id: int
    id: str
    name: str
    kind: ChannelKind
    service: str
    user_id: int | None
    shown: str
    language: Language
    created_ns: int
    created_by: str
    verified_ns: int | None


@dataclass(frozen=True)
class Target:
    """Where a new channel leads to: a member, or an address or URL, which is stored encrypted."""

    service: str
    shown: str
    user_id: int | None = None
    text: str | None = None


@dataclass(frozen=True)
class SentCode:
    """The hash of a code that was sent to an address, until when it is valid, and how many guesses were wrong."""

    hashed: str
    until_ns: int
    attempts: int

    def accepts(self, channel_id: str, code: str, now_ns: int) -> bool:
        """Whether the code is right and still counts."""
        valid = now_ns < self.until_ns and self.attempts < CODE_ATTEMPTS
        return valid and hmac.compare_digest(self.hashed, hashed_code(channel_id, code))


def new_code() -> str:
    """A random code of 50 bits, such as `K7QF2-9XRTM`."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(10))
    return f"{letters[:5]}-{letters[5:]}"


def hashed_code(channel_id: str, code: str) -> str:
    """What is stored of a code. Case, spaces and hyphens do not count."""
    plain = "".join(code.split()).replace("-", "").upper()
    return sha256(f"{channel_id} {plain}".encode()).hexdigest()


def masked_address(address: str) -> str:
    """An address of which one letter and the domain are left, such as `w...@clinic.example`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}...@{domain}"

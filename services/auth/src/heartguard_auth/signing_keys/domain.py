"""The claims of access tokens, and the life of a key."""

from dataclasses import dataclass
from typing import TypedDict

from heartguard_common.core.clock import parse_rfc3339
from heartguard_common.messages import Role


class Claims(TypedDict):
    """The claims of an access token (RFC 7519 section 4.1): `iat` and `exp` in seconds, `sid` the session."""

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
class RingKey:
    """A key of the ring as an operator sees it; times are RFC 3339, `signs_since` is None for the next one."""

    kid: str
    created_at: str
    signs_since: str | None
    expires_at: str | None
    retired_at: str | None

    def state(self, now_ns: int) -> str:
        """`next`, `signing`, `verifying`, `expired` or `retired`."""
        if self.retired_at:
            return "retired"
        if self.signs_since is None:
            return "next"
        if self.expires_at is None:
            return "signing"
        return "verifying" if parse_rfc3339(self.expires_at) > now_ns else "expired"


class KeyNotPublishedYet(Exception):  # noqa: N818  a state of the next key
    """The next key has not been published long enough for every verifier to know it."""

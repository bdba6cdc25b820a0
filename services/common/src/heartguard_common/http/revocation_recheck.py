"""Asking again whether a token was revoked: the body of its request may take minutes to arrive."""

import time
from collections.abc import Collection

from heartguard_common.http.body import Reader
from heartguard_common.identity import modes
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.revocation import Revocations

TRUSTED_SECONDS = 2.0


class RevocationRecheck:
    """Asks again whether the token of a person is revoked, when the last answer is older than `trusted_seconds`.

    So also whether their organization is still in one of the modes in which the route may be used, `open_in`.
    """

    def __init__(
        self,
        revocations: Revocations,
        principal: Principal | None,
        token: str | None,
        trusted_seconds: float,
        open_in: Collection[str] = modes.RESTRICTED,
    ) -> None:
        self._revocations = revocations
        self._person = principal if principal is not None and principal.kind == "person" else None
        self._token = token or ""
        self._trusted_seconds = trusted_seconds
        self._open_in = open_in
        self._asked_at = time.monotonic()

    def require_active(self) -> None:
        """Return when the token is not revoked. Raises GEN_401_TOKEN when it is, GEN_503 when that is unknown.

        Raises GEN_403_READONLY, GEN_403_SUSPENDED where the mode of the organization forbids the request now.
        """
        if self._person is not None and time.monotonic() - self._asked_at > self._trusted_seconds:
            mode = self._revocations.require_active(self._person, self._token)
            modes.require_open(self._open_in, mode, by_key=self._person.api_key is not None)
            self._asked_at = time.monotonic()


class RevocationCheckedReader:
    """The body of a stream; reading it fails soon after the token is revoked that it came with."""

    def __init__(self, stream: Reader, recheck: RevocationRecheck) -> None:
        self._stream = stream
        self._recheck = recheck

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; empty at the end. Raises GEN_401_TOKEN, GEN_503."""
        block = self._stream.read(size)
        self._recheck.require_active()
        return block

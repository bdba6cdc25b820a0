"""What a client proves itself with: e-mail and password, a saved session, or an API key."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from heartguard_client.errors import AuthenticationError, LoginNeededError
from heartguard_client.messages import LoginRequest, LoginResponse, RefreshRequest

try:
    import fcntl
except ImportError:  # Windows, where a saved session should be used by one process at a time
    fcntl = None  # type: ignore[assignment]

EARLY_SECONDS = 30.0
LOGIN, REFRESH = "/auth/login", "/auth/refresh"
Post = Callable[[str, dict[str, Any]], LoginResponse]
"""Sends a document to a path without credentials and returns the pair of tokens. Raises `HeartGuardError`."""


class Credentials(Protocol):
    """What makes the header `Authorization`."""

    def token(self, post: Post) -> str | None:
        """The token to send now, None for none. Raises `HeartGuardError` where one can't be had."""

    def refused(self, token: str, post: Post) -> bool:
        """Whether there is another token than this one, which the server has refused."""


@dataclass(frozen=True)
class ApiKey:
    """An API key; it is sent as it is."""

    key: str

    def token(self, post: Post) -> str | None:  # noqa: ARG002
        """The key."""
        return self.key

    def refused(self, token: str, post: Post) -> bool:  # noqa: ARG002
        """False: there is one key."""
        return False


@dataclass(frozen=True)
class Tokens:
    """A pair of tokens; `expires_at` is when the access token ends, in seconds since the epoch."""

    access: str
    refresh: str
    expires_at: float

    @classmethod
    def of(cls, pair: LoginResponse, now: float) -> "Tokens":
        """The tokens of an answer that came at `now`."""
        return cls(pair["access_token"], pair["refresh_token"], now + pair["expires_in"])

    def fresh(self, now: float) -> bool:
        """Whether the access token is good for some time; it is exchanged shortly before it ends."""
        return now < self.expires_at - EARLY_SECONDS


class Password:
    """E-mail and password: logs in at the first request, refreshes the tokens, logs in again when the session ended.

    The tokens are kept in memory. Threads share them: one refreshes while the others wait.
    """

    def __init__(self, email: str, password: str, clock: Callable[[], float] = time.time) -> None:
        self._document: LoginRequest = {"email": email, "password": password}
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: Tokens | None = None

    def token(self, post: Post) -> str | None:
        """The access token. Raises `AuthenticationError` for a wrong password."""
        with self._lock:
            if self._tokens is None or not self._tokens.fresh(self._clock()):
                self._tokens = self._renewed(self._tokens, post)
            return self._tokens.access

    def refused(self, token: str, post: Post) -> bool:
        """Whether there is another token now; the session is renewed where no other thread has done so."""
        with self._lock:
            if self._tokens is not None and self._tokens.access == token:
                self._tokens = self._renewed(self._tokens, post)
            return True

    def _renewed(self, tokens: Tokens | None, post: Post) -> Tokens:
        if tokens is not None:
            try:
                return _refreshed(tokens, post, self._clock)
            except AuthenticationError:
                self._tokens = None  # the session has ended: log in
        return Tokens.of(post(LOGIN, cast("dict[str, Any]", self._document)), self._clock())


class SavedSession:
    """A session in a file that only its owner can read, made by `heartguard-client login` or by `save`.

    A refresh token counts once, and one that is used twice ends the session. So processes that share the file take
    turns: the file is locked while its tokens are exchanged, and read again afterwards.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._lock = threading.Lock()

    def save(self, server: str, pair: LoginResponse) -> None:
        """Write the session of a login at `server`."""
        with self._alone():
            self._write(server, Tokens.of(pair, self._clock()))

    @property
    def server(self) -> str:
        """The URL of the server that the session is of. Raises `LoginNeededError` without a session."""
        return str(self._document()["server"])

    def token(self, post: Post) -> str | None:
        """The access token. Raises `LoginNeededError` when there is no session, or none any more."""
        _, tokens = self._read()
        if not tokens.fresh(self._clock()):
            tokens = self._exchange(tokens.access, post)
        return tokens.access

    def refused(self, token: str, post: Post) -> bool:
        """Whether there is another token now. Raises `LoginNeededError` when the session has ended."""
        self._exchange(token, post)
        return True

    def tokens(self) -> Tokens:
        """What the file holds. Raises `LoginNeededError`."""
        return self._read()[1]

    def forget(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)

    def _exchange(self, used: str, post: Post) -> Tokens:
        with self._alone():
            server, tokens = self._read()
            if tokens.access != used and tokens.fresh(self._clock()):
                return tokens  # another process has exchanged them
            try:
                tokens = _refreshed(tokens, post, self._clock)
            except AuthenticationError as error:
                raise LoginNeededError("The session has ended: log in again") from error
            self._write(server, tokens)
            return tokens

    def _document(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise LoginNeededError("There is no session: log in first") from error
        except ValueError as error:
            raise LoginNeededError(f"{self.path} is damaged: log in again") from error
        return cast("dict[str, Any]", found)

    def _read(self) -> tuple[str, Tokens]:
        found = self._document()
        try:
            return str(found["server"]), Tokens(found["access"], found["refresh"], float(found["expires_at"]))
        except (KeyError, TypeError, ValueError) as error:
            raise LoginNeededError(f"{self.path} is damaged: log in again") from error

    def _write(self, server: str, tokens: Tokens) -> None:
        document = {
            "server": server,
            "access": tokens.access,
            "refresh": tokens.refresh,
            "expires_at": tokens.expires_at,
        }
        new = self.path.with_name(f"{self.path.name}.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())  # the former refresh token is worth nothing now
        new.replace(self.path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock, self.path.with_name(f"{self.path.name}.lock").open("w") as lock:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)  # released when it is closed
            yield


def _refreshed(tokens: Tokens, post: Post, clock: Callable[[], float]) -> Tokens:
    document: RefreshRequest = {"refresh_token": tokens.refresh}
    return Tokens.of(post(REFRESH, cast("dict[str, Any]", document)), clock())

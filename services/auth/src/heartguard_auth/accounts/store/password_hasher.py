"""Password hashes (argon2id, RFC 9106)."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class Argon2Hasher:
    """argon2id with 19 MiB, 2 passes, 1 lane: OWASP's recommendation, small enough for eight threads at once."""

    def __init__(self, passes: int = 2, kibibytes: int = 19 * 1024) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=kibibytes, parallelism=1)
        self._dummy = self._hasher.hash("compared where there is no account")

    def hash(self, password: str) -> str:
        """A hash with its parameters and salt."""
        return self._hasher.hash(password)

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; takes as long when there is no hash to compare with."""
        try:
            self._hasher.verify(stored or self._dummy, password)
        except (VerificationError, InvalidHashError):
            return False
        return bool(stored)

    def outdated(self, stored: str) -> bool:
        """Whether that hash was made with other parameters than a new one would be."""
        return self._hasher.check_needs_rehash(stored)

"""Password hashes (argon2id, RFC 9106), and the list of the most common passwords."""

from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

COMMON_PASSWORDS_FILE = Path(__file__).resolve().parents[1] / "common_passwords.txt"


class Argon2Hasher:
    """argon2id with 19 MiB, 2 passes, 1 lane: OWASP's recommendation, small enough for eight threads at once."""

    def __init__(self, passes: int = 2, kibibytes: int = 19 * 1024) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=kibibytes, parallelism=1)
        self._decoy = self._hasher.hash("a password that nobody has")

    def hash(self, password: str) -> str:
        """A hash with its parameters and salt."""
        return self._hasher.hash(password)

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; takes as long when there is no hash to compare with."""
        try:
            self._hasher.verify(stored or self._decoy, password)
        except (VerificationError, InvalidHashError):
            return False
        return bool(stored)

    def outdated(self, stored: str) -> bool:
        """Whether that hash was made with other parameters than a new one would be."""
        return self._hasher.check_needs_rehash(stored)


def common_passwords() -> frozenset[str]:
    """The 5,000 most common passwords that are long enough to be tried, in lower case."""
    lines = COMMON_PASSWORDS_FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(line.casefold() for line in lines if line and not line.startswith("# "))

"""The list of the most common passwords."""

from pathlib import Path

FILE = Path(__file__).resolve().with_name("common_passwords.txt")


def common_passwords() -> frozenset[str]:
    """The 5,000 most common passwords that are long enough to be tried, in lower case."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(line.casefold() for line in lines if line and not line.startswith("# "))

"""Which passwords are refused, and what codes stand for."""

import string
from dataclasses import dataclass


def guessable(password: str, email: str, common: frozenset[str]) -> bool:
    """Whether a password is among the most common ones or is the address itself (NIST SP 800-63B 5.1.1.2).

    Case does not count, nor do digits and punctuation behind a common one: `Jennifer1!` is `jennifer`.
    """
    folded = password.casefold()
    names = (email.casefold(), email.partition("@")[0].casefold())
    return folded in common or folded.rstrip(_SUFFIX) in common or folded in names


@dataclass(frozen=True)
class IssuedCode:
    """A valid code for a forgotten password: the membership it was issued for, and whether by an admin."""

    user_id: int
    by_admin: bool


_SUFFIX = string.digits + string.punctuation

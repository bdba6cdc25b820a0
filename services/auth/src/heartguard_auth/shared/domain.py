"""Codes that people type, and how codes and tokens are stored."""

import hashlib
import secrets


def digest(token: str) -> bytes:
    """How a token is stored: it has enough random bits for a plain hash."""
    return hashlib.sha256(token.encode()).digest()


def new_code() -> str:
    """A code that a person can read out and type: 125 random bits in five groups of Crockford's base 32."""
    drawn = "".join(secrets.choice(_CODE_ALPHABET) for _ in range(25))
    return "-".join(drawn[start : start + 5] for start in range(0, 25, 5))


def code_digest(code: str) -> bytes:
    """How a code is stored; case, dashes and spaces don't count, and letters that look like digits stand for them."""
    plain = code.upper().translate(_READ_AS)
    return digest("".join(character for character in plain if character in _CODE_ALPHABET))


_CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans("OIL", "011")

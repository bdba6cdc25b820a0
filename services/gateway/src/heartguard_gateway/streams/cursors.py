"""The ids of events: positions in the stream of an organization that nobody can read, forge or use elsewhere."""

import base64
import binascii
import hashlib
import re
import struct
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_FORM = struct.Struct(">QQQ")
_ENTRY_ID = re.compile(r"([0-9]{1,19})-([0-9]{1,19})", re.ASCII)


class Position(NamedTuple):
    """A place in the Redis Stream of an organization: the id of an entry there, and its number."""

    entry: str
    number: int


class Cursors:
    """Seals positions (RFC 5297), with a key derived from a secret that all stream processes have."""

    def __init__(self, secret: str) -> None:
        self._cipher = AESSIV(hashlib.sha512(b"heartguard stream ids " + secret.encode()).digest())

    def seal(self, position: Position, binding: bytes) -> str:
        """The id of an event at a position, for a view with this binding."""
        found = _ENTRY_ID.fullmatch(position.entry)
        assert found is not None  # Redis has made it
        plain = _FORM.pack(int(found[1]), int(found[2]), position.number)
        return base64.urlsafe_b64encode(self._cipher.encrypt(plain, [binding])).decode().rstrip("=")

    def open(self, text: str, binding: bytes) -> Position | None:
        """The position of an id, None for one that was not made by us for such a view."""
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            milliseconds, place, number = _FORM.unpack(self._cipher.decrypt(sealed, [binding]))
        except (binascii.Error, ValueError, InvalidTag, struct.error):
            return None
        return Position(f"{milliseconds}-{place}", number)

"""The range of a file that a request asks for (RFC 9110 section 14).

Not Werkzeug's: its 3.1.9 finds no range in the last 1,000 bytes of a file of 100, which is the whole file
(section 14.1.2), and takes the last 0 bytes for no range at all, where they are one that no file has.
"""

import re

_BYTES = re.compile(r"\s*bytes\s*=\s*(?:([0-9]{1,19})-([0-9]{0,19})|-([0-9]{1,19}))\s*", re.IGNORECASE)


class NoSuchRange(Exception):  # noqa: N818  it reads like the answer's status
    """The file has no byte of the range."""


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last; None where the answer is the whole file.

    The answer is the whole file without a range, for other units, for several ranges (section 14.2 allows it), and for
    an invalid range. Raises NoSuchRange.
    """
    match = _BYTES.fullmatch(header or "")
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        if int(suffix) == 0:
            raise NoSuchRange
        return (max(0, size - int(suffix)), size) if size else None
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise NoSuchRange
    return int(first), min(int(last) + 1, size) if last else size

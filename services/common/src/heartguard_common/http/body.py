"""Reading a request body: its media type, its size before and after decompression, its bytes."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Protocol

from heartguard_common.core.errors import MALFORMED, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, ServiceError

ANY = "*/*"
_BLOCK = 64 * 1024
_GZIP_MORE = 1024  # what gzip adds to bytes that it can't compress: 5 in each 16 KiB and a head


class Reader(Protocol):
    """Something bytes can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; empty at the end."""


def media_type(headers: Mapping[str, str], allowed: Sequence[str]) -> str:
    """The media type of the body, without parameters.

    Raises GEN_415 when there is none, when it is not among `allowed`, or when its charset is not UTF-8. Where `*/*` is
    allowed the header is not read, and that is what is returned.
    """
    if ANY in allowed:
        return ANY
    value, _, parameters = headers.get("Content-Type", "").partition(";")
    name = value.strip().lower()
    if name not in allowed:
        raise ServiceError(UNSUPPORTED_MEDIA_TYPE, "The body must be one of " + ", ".join(allowed))
    for parameter in parameters.split(";"):
        key, _, charset = parameter.partition("=")
        if key.strip().lower() == "charset" and charset.strip().strip('"').lower() not in ("utf-8", "us-ascii"):
            raise ServiceError(UNSUPPORTED_MEDIA_TYPE, "The body must be UTF-8")
    return name


def require_identity(headers: Mapping[str, str]) -> None:
    """Refuse a body that is compressed, where its bytes are kept as they come (RFC 9110 section 15.5.16).

    Raises GEN_415.
    """
    if headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        text = "The bytes are kept as they come: send them without Content-Encoding"
        raise ServiceError(UNSUPPORTED_MEDIA_TYPE, text, headers={"Accept-Encoding": "identity"})


def read(stream: Reader, headers: Mapping[str, str], limit: int) -> bytes:
    """The whole body, decompressed. Raises GEN_413 above `limit` bytes, GEN_415 for unknown encodings."""
    declared = headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise ServiceError(TOO_LARGE, f"The body is limited to {limit} bytes")
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        body = _all(stream, int(declared) if declared.isdecimal() else limit + 1)
        if declared.isdecimal() and len(body) < int(declared):
            raise ServiceError(MALFORMED, "The body ended before its declared length")
    elif encoding == "gzip":
        body = _gunzip(stream, limit)
    else:
        raise ServiceError(UNSUPPORTED_MEDIA_TYPE, "Content-Encoding must be gzip")
    if len(body) > limit:
        raise ServiceError(TOO_LARGE, f"The body is limited to {limit} bytes")
    return body


def _all(stream: Reader, size: int) -> bytes:
    """Up to `size` bytes, from streams that may give less than they are asked for."""
    out = bytearray()
    while len(out) < size and (block := stream.read(size - len(out))):
        out += block
    return bytes(out)


def _gunzip(stream: Reader, limit: int) -> bytes:
    """Decompress block by block, so that a bomb costs no more than the limit."""
    inflater = zlib.decompressobj(wbits=31)
    out = bytearray()
    sent = 0
    try:
        while len(out) <= limit and (block := stream.read(_BLOCK)):
            sent += len(block)
            if sent > limit + _GZIP_MORE:  # blocks that decompress to nothing could follow without end
                raise ServiceError(TOO_LARGE, f"The body is limited to {limit} bytes")
            if inflater.eof:
                raise ServiceError(MALFORMED, "There is something behind the gzip data")
            out += inflater.decompress(block, limit + 1 - len(out))
            while inflater.unconsumed_tail and len(out) <= limit:
                out += inflater.decompress(inflater.unconsumed_tail, limit + 1 - len(out))
    except zlib.error as error:
        raise ServiceError(MALFORMED, "The body is not valid gzip data") from error
    if len(out) <= limit and (not inflater.eof or inflater.unused_data):
        raise ServiceError(MALFORMED, "The body is not one complete gzip member")
    return bytes(out)

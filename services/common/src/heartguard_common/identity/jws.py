"""The compact serialization of tokens (RFC 7515 section 7.1), in canonical form and without extensions."""

import base64
import re
from typing import Any

from heartguard_common.contract.json_documents import Malformed, read_json

MAX_TOKEN_LENGTH = 4096
MAX_KEY_ID_LENGTH = 64
# Auth writes no header with a key or extension of its own (jku, jwk, x5c, crit, b64 ...).
HEADER_MEMBERS = frozenset({"alg", "typ", "kid"})
TYPE = "JWT"

_SEGMENTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)


def read_header(token: str) -> dict[str, Any]:
    """The header of a well-formed token; the signature is not verified.

    Raises Malformed for anything but three canonical segments of base64url without padding, for a header or claims
    that are not a JSON object or have a member twice (RFC 7519 section 4), for other header members than `alg`, `typ`
    and `kid`, and for another type than JWT.
    """
    match = _SEGMENTS.fullmatch(token) if len(token) <= MAX_TOKEN_LENGTH else None
    if match is None:
        raise Malformed("The token does not have three segments of base64url")
    header, claims = (read_json(segment) for segment in [_bytes(text) for text in match.groups()][:2])
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise Malformed("Header and claims must be objects")
    kid = header.get("kid")
    if not header.keys() <= HEADER_MEMBERS or header.get("typ", TYPE) != TYPE:
        raise Malformed("The header has a member or type that is not allowed")
    if "kid" in header and (not isinstance(kid, str) or not 1 <= len(kid) <= MAX_KEY_ID_LENGTH):
        raise Malformed("The key id is not valid")
    return header


def _bytes(text: str) -> bytes:
    """The bytes of a segment. Raises Malformed when it is not their canonical base64url."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise Malformed("A segment is not base64url") from error
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise Malformed("A segment is not canonical base64url")
    return data

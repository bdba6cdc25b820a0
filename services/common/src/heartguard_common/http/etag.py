"""Entity tags and preconditions (RFC 9110 sections 8.8.3 and 13)."""

import hashlib
import json
import re
from collections.abc import Mapping

from werkzeug.http import parse_etags, unquote_etag

from heartguard_common.core.errors import PRECONDITION_FAILED, ServiceError

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)
_TAG = r'(?:W/)?"[^"\x00-\x20\x7f]*"'
_TAGS = re.compile(rf"\s*(?:\*|(?:{_TAG})?(?:\s*,\s*(?:{_TAG})?)*)\s*")


def entity_tag(document: object) -> str:
    """A weak tag of a document: the same for its JSON and its XML form, which differ in bytes."""
    return 'W/"' + hashlib.sha256(_CANONICAL.encode(document).encode()).hexdigest()[:32] + '"'


def matches(condition: str, tag: str) -> bool:
    """Whether a list of tags names `tag` by weak comparison (RFC 9110 section 8.8.3.2); `*` names every tag.

    A list that the grammar does not know names none; Werkzeug would take tags without quotes.
    """
    if not _TAGS.fullmatch(condition):
        return False
    return parse_etags(condition.strip()).contains_weak(unquote_etag(tag)[0])


def require_match(headers: Mapping[str, str], document: object) -> None:
    """Raises GEN_412 when `If-Match` names another version than `document`.

    Weak comparison, though RFC 9110 asks If-Match for strong tags: our tags name the document's version,
    and one version has two equally good forms.
    """
    condition = headers.get("If-Match")
    if condition is not None and not matches(condition, entity_tag(document)):
        raise ServiceError(PRECONDITION_FAILED)

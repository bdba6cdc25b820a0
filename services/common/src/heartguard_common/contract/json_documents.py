"""JSON documents, read strictly (RFC 8259, I-JSON RFC 7493)."""

import json
import math
import re
from itertools import chain
from typing import Any, NoReturn

Document = dict[str, object]

MAX_DEPTH = 64
TOO_DEEP = f"The document has more than {MAX_DEPTH} levels"

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BLANKS = " \t\r\n"
_HOLDERS = frozenset({dict, list})


class Malformed(Exception):  # noqa: N818  it says what the body is
    """A body that does not conform to its media type; the message is shown to the caller and quotes no value."""


def parse_json(body: bytes) -> object:
    """The document in `body`, read strictly (RFC 8259, I-JSON RFC 7493).

    Raises Malformed for anything but UTF-8 without a byte order mark, duplicate keys, NaN and Infinity, numbers
    beyond a double, integers of more than 4,300 digits, lone surrogates and more than 64 levels.
    """
    document = read_json(body)
    require_depth(document)
    return document


def read_json(body: bytes) -> Any:
    """As `parse_json`, but without counting levels, for callers whose contract limits them anyway."""
    try:
        text = body.decode("utf-8")
        # Without a backslash no string contains a quote, and without a blank after a string each key ends with `":`.
        # Then duplicate keys can be found by comparing counts, without a Python function for each object.
        if not _is_intricate(text):
            document = _QUICK_DECODER.decode(text)
            if _keys(document) == text.count('":'):
                return document
        document = _DECODER.decode(text)
    except Malformed:
        raise
    except UnicodeDecodeError as error:
        raise Malformed("The body is not UTF-8") from error
    except RecursionError as error:
        raise Malformed(TOO_DEEP) from error
    except json.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: line {error.lineno}, column {error.colno}") from error
    except ValueError as error:
        raise Malformed("A number has too many digits") from error
    if _ESCAPED_SURROGATE.search(text) and any_string(document, _SURROGATE):
        raise Malformed("A string holds a lone surrogate")
    return document


def _is_intricate(text: str) -> bool:
    """Whether a backslash, or a blank after a string, is in a JSON text."""
    # One character is found much faster than two, and compact texts have few blanks or none.
    return "\\" in text or any(blank in text and f'"{blank}' in text for blank in _BLANKS)


def _keys(document: object) -> int:
    """The number of keys of all objects in a document."""
    keys = 0
    layer = [document]
    while layer:
        objects = [value for value in layer if value.__class__ is dict]
        keys += sum(map(len, objects))
        lists = [value for value in layer if value.__class__ is list]
        inner = chain(chain.from_iterable(map(dict.values, objects)), chain.from_iterable(lists))
        layer = [value for value in inner if value.__class__ in _HOLDERS]
    return keys


def require_depth(document: Any) -> None:
    """Raise Malformed when a document has more than 64 levels."""
    layer = [document]
    for _ in range(MAX_DEPTH + 1):
        layer = [value for value in layer if isinstance(value, dict | list)]
        if not layer:
            return
        layer = [inner for value in layer for inner in (value.values() if isinstance(value, dict) else value)]
    raise Malformed(TOO_DEEP)


def dump_json(document: object) -> bytes:
    """UTF-8 JSON without spaces; ValueError for NaN and infinities."""
    return _ENCODER.encode(document).encode()


def any_string(document: object, pattern: re.Pattern[str]) -> bool:
    """Whether `pattern` is found in a string or a key anywhere in the document."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if pattern.search(value):
                return True
        elif isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def finite(text: str) -> float:
    """The double that `text` represents; Malformed when it is beyond the largest one."""
    number = float(text)
    if math.isinf(number):
        raise Malformed("A number is beyond the range of a double")
    return number


def whole(text: str) -> int:
    """The integer that `text` represents; Malformed when it has more than 4,300 digits."""
    try:
        return int(text)
    except ValueError as error:
        raise Malformed("A number has too many digits") from error


def _unique(pairs: list[tuple[str, object]]) -> Document:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise Malformed("An object has a key twice")
    return document


def _refuse_constant(_: str) -> NoReturn:
    raise Malformed("NaN and Infinity are not JSON")


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_QUICK_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=finite)
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=finite)

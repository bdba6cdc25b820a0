"""Line protocol as the model of InfluxDB reads it: character by character, as the server's own scanner does."""

import math


class UnparsableError(Exception):
    """A line, and why it is none."""


def read_lines(text, scale, now_ns):
    """Points as (measurement, tags, fields, time in nanoseconds)."""
    found = []
    for line in _lines(text):
        stripped = line.lstrip(" \t\x00")
        if stripped and not stripped.startswith("#"):
            found.append(_line(stripped, scale, now_ns))
    return found


def _lines(text):
    """Lines end at a newline outside quotes; quotes count in values only, and a backslash hides what follows it."""
    begin, place, fields, quoted, equals, commas = 0, 0, False, False, 0, 0
    while place < len(text):
        letter = text[place]
        if letter == "\\":
            place += 2
            continue
        fields = fields or letter == " "
        if fields and not quoted and letter in "=,":
            equals, commas = equals + (letter == "="), commas + (letter == ",")
        elif fields and letter == '"' and equals > commas:
            quoted = not quoted
        if letter == "\n" and not quoted:
            yield text[begin:place]
            begin, fields, equals, commas = place + 1, False, 0, 0
        place += 1
    yield text[begin:]


def _line(line, scale, now_ns):
    head, rest = _cut(line, " ")
    if rest is None or not rest.strip():
        raise UnparsableError(line, "missing fields")
    measurement, rest_of_head = _cut(head, ",")
    pairs = []
    while rest_of_head is not None:
        tag, rest_of_head = _cut(rest_of_head, ",")
        name, text = _cut(tag, "=")
        if not name or not text or _cut(text, "=")[1] is not None:
            raise UnparsableError(line, "missing tag value")
        pairs.append((_plain(name), _plain(text)))
    if len(dict(pairs)) != len(pairs):
        raise UnparsableError(line, "duplicate tags")
    fields, time = _fields(line, rest.lstrip(" "))
    time_ns = int(time) * scale if time.strip() else now_ns
    if not -(2**63) + 2 <= time_ns <= 2**63 - 2:
        raise UnparsableError(line, "time outside range")
    return measurement.replace("\\,", ",").replace("\\ ", " "), tuple(sorted(pairs)), fields, time_ns


def _cut(text, mark):
    """What is before and after the first mark that no backslash precedes; None where there is none."""
    for place in range(1, len(text)):
        if text[place] == mark and text[place - 1] != "\\":
            return text[:place], text[place + 1 :]
    return text, None


def _fields(line, text):
    """The values by name, and what follows the space after them."""
    values, begin, place, quoted, middle = {}, 0, 0, False, None
    while place <= len(text):
        letter = text[place] if place < len(text) else " "
        if letter == "\\":
            place += 2
            continue
        if letter == '"' and middle is not None:
            quoted = not quoted
        elif letter == "=" and not quoted and middle is None:
            middle = place
        elif letter in ", " and not quoted:
            if middle is None or middle + 1 == place or middle == begin:
                raise UnparsableError(line, "missing field value")
            values[_plain(text[begin:middle]).replace('\\"', '"')] = _value(line, text[middle + 1 : place])
            begin, middle = place + 1, None
            if letter == " ":
                return values, text[place + 1 :]
        place += 1
    raise UnparsableError(line, "unbalanced quotes")


def _plain(text):
    return text.replace("\\,", ",").replace("\\ ", " ").replace("\\=", "=")


def _value(line, text):
    if text.startswith('"'):
        if len(text) < 2 or not text.endswith('"'):
            raise UnparsableError(line, "unbalanced quotes")
        return text[1:-1].replace("\\\\", "\x00").replace('\\"', '"').replace("\x00", "\\")
    if text in ("t", "T", "true", "True", "TRUE"):
        return True
    if text in ("f", "F", "false", "False", "FALSE"):
        return False
    try:
        number = int(text[:-1]) if text[-1] in "iu" else float(text)
    except ValueError as error:
        raise UnparsableError(line, "invalid number") from error
    if not math.isfinite(number):
        raise UnparsableError(line, "invalid number")
    return number

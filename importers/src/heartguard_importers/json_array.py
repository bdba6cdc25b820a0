"""The items of a JSON array (RFC 8259), one after another, with the memory of one item."""

import codecs
import json
import re
from collections.abc import Iterator

from heartguard_importers.files import Stream
from heartguard_importers.records import InvalidFileError, Report

_ITEM = 64 * 1024
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def read(stream: Stream, report: Report) -> Iterator[object]:
    """Each item. Raises InvalidFileError, with the number of the item, where it is none."""
    text = _Text(stream)
    report.place = lambda: f"{stream.name}, item {text.number}"
    if text.following() != "[":
        raise InvalidFileError(stream.name, "is not an array of JSON")
    text.at += 1
    if text.following() == "]":
        return
    while True:
        text.following()
        yield text.value()
        mark = text.following()
        text.at += 1
        if mark == "]":
            return
        if mark != ",":
            raise InvalidFileError(report.place(), "the array ends in the middle" if not mark else "is not JSON")


class _Text:
    """The part of a stream that is being read: `at` is where, `number` counts the items."""

    def __init__(self, stream: Stream) -> None:
        self.at = 0
        self.number = 0
        self._name = stream.name
        self._text = ""
        self._chunks = stream.chunks()
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()

    def following(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            found = _SPACE.match(self._text, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self._text):
                return self._text[self.at]
            if not self._more():
                return ""

    def value(self) -> object:
        """The value that begins here."""
        self.number += 1
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self.at)
            except RecursionError as error:
                raise InvalidFileError(self._place(), "is nested too deep") from error
            except ValueError as error:
                # Perhaps the rest of it is not read yet.
                if len(self._text) - self.at > _ITEM or not self._more():
                    raise InvalidFileError(self._place(), f"is not JSON, or has more than {_ITEM} bytes") from error
                continue
            if end < len(self._text) or not self._more():  # a number might go on
                self.at = end
                return value

    def _more(self) -> bool:
        chunk = next(self._chunks, b"")
        try:
            more = self._decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise InvalidFileError(self._place(), "is not UTF-8") from error
        if not chunk:
            return False
        self._text = self._text[self.at :] + more
        self.at = 0
        return True

    def _place(self) -> str:
        return f"{self._name}, item {self.number}"

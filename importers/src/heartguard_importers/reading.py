"""Reading a file of any kind: `Reading` finds out which kind it is, and gives its records."""

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from heartguard_importers import (
    apple,
    csv_table,
    databases,
    edf,
    fit,
    fitbit,
    gadgetbridge,
    gpx,
    health_connect,
    tcx,
    wfdb,
)
from heartguard_importers.databases import Database
from heartguard_importers.files import ZIP, Archive, Stream, open_archive, open_file
from heartguard_importers.records import InvalidFileError, LimitError, Options, Reason, Record, Report, plain

_HEAD = 16 * 1024
_MOST_TRIED = 50
_ROOT = re.compile(rb"<(?:!DOCTYPE\s+)?(?:[A-Za-z_][\w.-]*:)?(HealthData|TrainingCenterDatabase|gpx)[\s>\[/]")

StreamParser = Callable[[Stream, Options, Report], Iterator[Record]]
DatabaseParser = Callable[[Database, Report], Iterator[Record]]


class _Streamed(NamedTuple):
    """A kind that is read from its beginning; in an archive each member with one of `suffixes` is such a file."""

    parse: StreamParser
    suffixes: tuple[str, ...]


_STREAMED: dict[str, _Streamed] = {
    "apple_health": _Streamed(lambda stream, _, report: apple.read(stream, report), ()),
    "fit": _Streamed(lambda stream, _, report: fit.read(stream, report), (".fit",)),
    "tcx": _Streamed(tcx.read, (".tcx",)),
    "gpx": _Streamed(gpx.read, (".gpx",)),
    "csv": _Streamed(csv_table.read, (".csv",)),
    "edf": _Streamed(edf.read, (".edf", ".bdf")),
}
_DATABASES: dict[str, tuple[Callable[[Database], bool], DatabaseParser]] = {
    "health_connect": (health_connect.recognises, health_connect.read),
    "gadgetbridge": (gadgetbridge.recognises, gadgetbridge.read),
}
_ROOTS = {b"HealthData": "apple_health", b"TrainingCenterDatabase": "tcx", b"gpx": "gpx"}
AUTO = "auto"
KINDS = (*_STREAMED, *_DATABASES, "fitbit", "wfdb")
"""The kinds of files that can be read, besides `auto`."""
UPLOADED_KINDS = tuple(kind for kind in KINDS if kind not in ("edf", "wfdb"))
"""Those that are one file, of a person's own devices; recordings of laboratories are read where they are."""


class Reading:
    """The records of a file: iterate once.

    `kind` is one of `KINDS`, or `auto`; the attribute is the one that was found. `report` counts while records are
    taken. The same file with the same options gives the same records in the same order.

    Raises ValueError for an unknown kind; InvalidFileError here where the kind can't be found, and while iterating
    where the file can't be read on: what was yielded before is valid.
    """

    def __init__(self, path: Path, kind: str = AUTO, options: Options | None = None) -> None:
        if kind not in (*KINDS, AUTO):
            raise ValueError(f"the kind {kind!r} is not one of {', '.join(KINDS)}")
        self.options = options or Options()
        self.report = Report()
        self._path = path
        self._name = plain(self.options.name or path.name)
        with open_file(path, self._name, self.options.limits, self.report) as stream:
            self._head = stream.peek(_HEAD)
        self.kind = self._detect() if kind == AUTO else kind
        self.report.progress = 0.0

    def __iter__(self) -> Iterator[Record]:
        for record in self._records():
            self.report.yielded += 1
            yield record
        self.report.progress = 1.0

    def _records(self) -> Iterator[Record]:
        if self._head.startswith(ZIP) and self.kind != "wfdb":
            with open_archive(self._path, self._name, self.options.limits, self.report) as archive:
                yield from self._of_archive(archive)
        elif self.kind in _DATABASES:
            yield from self._of_database(self._path, self._name)
        elif self.kind == "wfdb":
            yield from wfdb.read(self._path, self._name, self.options, self.report)
        else:
            with open_file(self._path, self._name, self.options.limits, self.report) as stream:
                yield from self._of_stream(stream, self._name)

    def _of_stream(self, stream: Stream, name: str) -> Iterator[Record]:
        if self.kind == "fitbit":
            return fitbit.read(stream, name, self.options, self.report)
        return _STREAMED[self.kind].parse(stream, self.options, self.report)

    def _of_database(self, path: Path, name: str) -> Iterator[Record]:
        _, parse = _DATABASES[self.kind]
        with databases.open_database(path, name, self.report) as database:
            yield from parse(database, self.report)

    def _of_archive(self, archive: Archive) -> Iterator[Record]:
        if self.kind in _DATABASES:
            with archive.unpacked(_database(archive)) as path:
                yield from self._of_database(path, archive.name)
            return
        if self.kind == "apple_health":
            with archive.open(_health_data(archive)) as stream:
                yield from self._of_stream(stream, self._name)
            return
        members = _members(archive, self.kind)
        if self.kind == "fitbit":
            again = fitbit.repeated(member.filename for member in members)
            members = [member for member in members if member.filename not in again]
        if not members:
            raise InvalidFileError(archive.name, f"has no member of the kind {self.kind}")
        for number, member in enumerate(members):
            self.report.part = (number / len(members), (number + 1) / len(members))
            try:
                with archive.open(member) as stream:
                    yield from self._of_stream(stream, member.filename)
            except LimitError:
                raise
            except InvalidFileError as error:  # the other members may be whole
                self.report.reject(Reason.DAMAGED, str(error))

    def _detect(self) -> str:
        head = self._head
        if head.startswith(ZIP):
            with open_archive(self._path, self._name, self.options.limits, self.report) as archive:
                return self._kind_of_archive(archive)
        if head.startswith(databases.MAGIC):
            return self._kind_of_database(self._path)
        root = _ROOT.search(head)
        if root and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            return _ROOTS[root[1]]
        signs = {
            "fit": head[8:12] == b".FIT",
            "edf": edf.recognises(head),
            "wfdb": self._path.suffix == wfdb.SUFFIX,
            "fitbit": fitbit.recognises(self._name),
            "csv": self.options.csv is not None or csv_table.recognises(head.decode("utf-8-sig", "replace")),
        }
        kind = next((kind for kind, shown in signs.items() if shown), None)
        if kind is None:
            raise InvalidFileError(self._name, "is of no known kind" + _hint(head))
        return kind

    def _kind_of_archive(self, archive: Archive) -> str:
        for kind in ("fitbit", "fit", "tcx", "edf", "gpx"):
            if _members(archive, kind):
                # Apple's archive has routes as GPX.
                return "apple_health" if kind == "gpx" and _find(archive, (".xml",), _is_health_data) else kind
        if _find(archive, (".xml",), _is_health_data):
            return "apple_health"
        if _find(archive, (".db", ".sqlite", ".sqlite3", ""), _is_database):
            with archive.unpacked(_database(archive)) as path:
                return self._kind_of_database(path)
        raise InvalidFileError(archive.name, "has no member of a known kind")

    def _kind_of_database(self, path: Path) -> str:
        with databases.open_database(path, self._name, self.report) as database:
            for kind, (recognises, _) in _DATABASES.items():
                if recognises(database):
                    return kind
        raise InvalidFileError(self._name, "is a database of no known program")


def _members(archive: Archive, kind: str) -> list[zipfile.ZipInfo]:
    """The members of an archive that are of a kind by their name, in the order of their names."""
    if kind == "fitbit":
        found = [member for member in archive.members if fitbit.recognises(member.filename)]
    else:
        suffixes = _STREAMED[kind].suffixes
        found = [member for member in archive.members if member.filename.lower().endswith(suffixes)]
    return sorted(found, key=lambda member: member.filename)


def _find(archive: Archive, suffixes: tuple[str, ...], accepts: Callable[[bytes], bool]) -> zipfile.ZipInfo | None:
    """The largest member with one of these suffixes whose beginning is accepted."""
    tried = [member for member in archive.members if Path(member.filename).suffix.lower() in suffixes]
    for member in sorted(tried, key=lambda member: (-member.file_size, member.filename))[:_MOST_TRIED]:
        with archive.open(member) as stream:
            if accepts(stream.peek(_HEAD)):
                return member
    return None


def _health_data(archive: Archive) -> zipfile.ZipInfo:
    found = _find(archive, (".xml",), _is_health_data)
    if found is None:
        raise InvalidFileError(archive.name, "has no XML file of Apple Health")
    return found


def _database(archive: Archive) -> zipfile.ZipInfo:
    found = _find(archive, (".db", ".sqlite", ".sqlite3", ""), _is_database)
    if found is None:
        raise InvalidFileError(archive.name, "has no SQLite database")
    return found


def _is_health_data(head: bytes) -> bool:
    root = _ROOT.search(head)
    return root is not None and root[1] == b"HealthData"


def _is_database(head: bytes) -> bool:
    return head.startswith(databases.MAGIC)


def _hint(head: bytes) -> str:
    return ": it is compressed with gzip, unpack it first" if head.startswith(b"\x1f\x8b") else ""

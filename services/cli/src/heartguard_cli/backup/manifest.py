"""The manifest of a backup: one JSON document, written last, so that a directory without one is no backup."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heartguard_cli.errors import CommandError

if TYPE_CHECKING:
    from heartguard_cli.backup.locations import Location

NAME = "manifest.json"
FORMAT = 3
READ = (1, 2, 3)
"""Form 1 knows no points of an InfluxDB, form 2 no encryption."""
BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """One file of a backup: its bytes and their SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Table:
    """The rows of a table, and the sum of their 64-bit hashes, which does not depend on their order."""

    rows: int
    digest: str


@dataclass(frozen=True)
class Points:
    """The values of an InfluxDB's bucket, the sum of the hashes of their lines, and how many days it keeps them."""

    values: int
    digest: str
    days: int | None


@dataclass(frozen=True)
class Manifest:
    """What a restore is compared with; media objects that are not in it are `absent`, or `damaged` at the time.

    `files` are those that were backed up; `sealed` are the same ones as they are stored, encrypted for the public keys
    `recipients`, and empty where they are stored as they are.
    """

    created_at: str
    revision: str
    postgres: int
    time_series: str
    secrets: Mapping[str, str]
    tables: Mapping[str, Table]
    files: Mapping[str, Entry]
    absent: tuple[str, ...] = field(default=())
    damaged: tuple[str, ...] = field(default=())
    points: Mapping[str, Points] = field(default_factory=dict)
    recipients: tuple[str, ...] = field(default=())
    sealed: Mapping[str, Entry] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def size(self) -> int:
        """Bytes of its files as they are stored."""
        return sum(entry.size for entry in (self.sealed or self.files).values())

    def text(self) -> str:
        """The document."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def parse(cls, text: str) -> "Manifest":
        """The manifest of a document. Raises `CommandError` for one that is none, or of a later form."""
        try:
            known: dict[str, Any] = json.loads(text)
            if known["format"] not in READ:
                raise CommandError(
                    f"The backup is of form {known['format']}, and this code reads form {FORMAT}: update it"
                )
            known["tables"] = {name: Table(**row) for name, row in known["tables"].items()}
            known["files"] = {name: Entry(**entry) for name, entry in known["files"].items()}
            known["absent"] = tuple(known["absent"])
            known["damaged"] = tuple(known.get("damaged", ()))
            known["points"] = {name: Points(**points) for name, points in known.get("points", {}).items()}
            known["recipients"] = tuple(known.get("recipients", ()))
            known["sealed"] = {name: Entry(**entry) for name, entry in known.get("sealed", {}).items()}
            return cls(**known)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CommandError(f"{NAME} is no manifest of a backup") from None


def read(location: "Location", part: Path) -> Manifest:
    """The manifest of the backup at a location, through the local file `part`. Raises `CommandError`."""
    try:
        location.fetch(NAME, part)
    except (FileNotFoundError, NotADirectoryError):
        raise CommandError(f"{location} holds no backup: there is no {NAME}") from None
    return Manifest.parse(part.read_text())


def measure(file: Path) -> Entry:
    """Size and hash of a file."""
    with file.open("rb") as stream:
        return Entry(file.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest())


def fingerprints(secrets: Mapping[str, str]) -> dict[str, str]:
    """By these a restore knows whether `.env` holds the same secrets; hashes of random values, they reveal nothing."""
    return {name: hashlib.sha256(f"{name}:{text}".encode()).hexdigest()[:16] for name, text in secrets.items()}

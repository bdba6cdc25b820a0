"""What a backup says of itself: one JSON document, written last, without which there is no backup."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from heartguard_cli.trouble import Trouble

NAME = "manifest.json"
FORMAT = 1
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
class Manifest:
    """Everything a restore is held against; media objects that are not in it are `absent`, or `damaged` at the time."""

    created_at: str
    revision: str
    postgres: int
    time_series: str
    secrets: Mapping[str, str]
    tables: Mapping[str, Table]
    files: Mapping[str, Entry]
    absent: tuple[str, ...] = field(default=())
    damaged: tuple[str, ...] = field(default=())
    format: int = FORMAT

    def text(self) -> str:
        """The document."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def parse(cls, text: str) -> "Manifest":
        """The manifest of a document. Raises `Trouble` for one that is none, or of a later form."""
        try:
            known: dict[str, Any] = json.loads(text)
            if known["format"] != FORMAT:
                raise Trouble(f"The backup is of form {known['format']}, and this code reads form {FORMAT}: update it")
            known["tables"] = {name: Table(**row) for name, row in known["tables"].items()}
            known["files"] = {name: Entry(**entry) for name, entry in known["files"].items()}
            known["absent"] = tuple(known["absent"])
            known["damaged"] = tuple(known.get("damaged", ()))
            return cls(**known)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Trouble(f"{NAME} is no manifest of a backup") from None


def measure(file: Path) -> Entry:
    """Size and hash of a file."""
    with file.open("rb") as stream:
        return Entry(file.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest())


def fingerprints(secrets: Mapping[str, str]) -> dict[str, str]:
    """By these a restore knows whether `.env` holds the same secrets; they are of 32 random bytes, so tell nothing."""
    return {name: hashlib.sha256(f"{name}:{text}".encode()).hexdigest()[:16] for name, text in secrets.items()}

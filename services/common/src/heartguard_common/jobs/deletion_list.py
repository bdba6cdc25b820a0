"""The list of completed deletions of people and organizations, outside the database: an append-only file.

A backup is older than the deletions after it: a restore carries them out again by this list.
"""

import hmac
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from heartguard_common.core.files import append_lines

NAME = "deletions.ndjson"


@dataclass(frozen=True)
class Deletion:
    """A person's deletion, or an organization's where `user_id` is None; `time` is RFC 3339, when it was done.

    `event` is the id of the audit event that says so.
    """

    event: str
    time: str
    org_id: int
    user_id: int | None


class UnsealedLineError(ValueError):
    """A line of the list is not one that we wrote."""


class DeletionList:
    """One line of JSON for each deletion, with a seal that only who knows the key can make."""

    def __init__(self, directory: Path, secret: str, previous: Sequence[str] = ()) -> None:
        """`secret` seals new lines, `previous` ones are still good for old lines."""
        self.path = directory / NAME
        self._keys = [hmac.digest(it.encode(), b"heartguard deletions", "sha256") for it in (secret, *previous)]

    def append(self, deletions: Sequence[Deletion]) -> None:
        """Add some; they are on the disk when this returns. Raises OSError."""
        if deletions:
            append_lines(self.path, [self._line(it) for it in deletions])

    def read(self) -> list[Deletion]:
        """All of them, each once, in the order in which they were added.

        Raises `UnsealedLineError` for a line that was tampered with; half a line at the end is what a crash left.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        return list({it.event: it for it in map(self._deletion, lines, range(1, len(lines) + 1))}.values())

    def _line(self, deletion: Deletion) -> bytes:
        document = {**asdict(deletion), "seal": self._seals(deletion)[0]}
        return json.dumps(document, separators=(",", ":")).encode()

    def _deletion(self, line: bytes, number: int) -> Deletion:
        try:
            document = json.loads(line)
            seal = str(document.pop("seal"))
            deletion = Deletion(**document)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            seal, deletion = "", Deletion("", "", 0, None)
        if not any(hmac.compare_digest(seal.encode(), ours.encode()) for ours in self._seals(deletion)):
            raise UnsealedLineError(f"line {number} of {self.path} was not sealed with AUDIT_CHECKPOINT_KEY")
        return deletion

    def _seals(self, deletion: Deletion) -> list[str]:
        text = json.dumps(asdict(deletion), separators=(",", ":"), sort_keys=True, default=str).encode()
        return [hmac.digest(key, text, "sha256").hex() for key in self._keys]

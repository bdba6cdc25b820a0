"""A real recording of heart beats, played again and again, for each person from another place."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

SHIFT_SECONDS = 211.0
"""How far the places are apart at which two people are in the recording."""


class Recording:
    """The beats of a file with the columns `time` and `bpm`."""

    def __init__(self, file: Path) -> None:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = [
                (datetime.fromisoformat(row["time"]).timestamp(), float(row["bpm"])) for row in csv.DictReader(lines)
            ]
        self._beats = [(at - rows[0][0], bpm) for at, bpm in rows]
        self.seconds = self._beats[-1][0] + 1.0

    def between(self, begin: float, end: float, person: int) -> Iterator[tuple[str, float]]:
        """The beats of a person at times from `begin` to before `end`, in seconds since 1970, as RFC 3339 and bpm."""
        shift = person * SHIFT_SECONDS
        turn = (begin + shift) // self.seconds
        while turn * self.seconds - shift < end:
            for at, bpm in self._beats:
                moment = turn * self.seconds - shift + at
                if begin <= moment < end:
                    yield datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds"), bpm
            turn += 1

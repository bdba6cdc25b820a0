"""What processes use: memory, open files, and the disk space of unlinked files."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

FILES_LEFT = 600  # more than before: both ends of 128 connections of each worker to a service stay open for a minute
_BLOCK = 512  # st_blocks counts these (stat(2))


@dataclass(frozen=True)
class Held:
    """The usage of all processes together: MB (PSS), open files, MB of unlinked files on the disk."""

    megabytes: float
    files: int
    disk: float

    def within(self, before: "Held", times: float) -> bool:
        """Whether everything was released, except what allocators and pools may keep."""
        small = self.disk <= before.disk + 1 and self.files <= before.files + FILES_LEFT
        return small and self.megabytes <= before.megabytes * times

    def __str__(self) -> str:
        return f"{self.megabytes:.0f} MB, {self.files} files, {self.disk:.0f} MB on disk"


def held(pids: Mapping[str, Iterable[int]]) -> Held:
    """The current usage of these programs."""
    megabytes, files, disk = 0.0, 0, 0.0
    for pid in (pid for family in pids.values() for pid in family):
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            info = psutil.Process(pid).memory_full_info()
            megabytes += getattr(info, "pss", info.rss) / 1e6
            number, unlinked = open_files(pid)
            files += number
            disk += unlinked / 1e6
    return Held(megabytes, files, disk)


def open_files(pid: int) -> tuple[int, int]:
    """How many files a process has open (Linux), and the bytes of those among them that are unlinked."""
    number, unlinked = 0, 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        number += 1
        with suppress(FileNotFoundError):
            if str(entry.readlink()).endswith(" (deleted)"):
                unlinked += entry.stat().st_blocks * _BLOCK
    return number, unlinked

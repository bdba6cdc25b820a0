"""What is known of the backups of the system."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

BackupStatus: TypeAlias = Literal["none", "succeeded", "failed"]


@dataclass(frozen=True)
class VerifiedBackup:
    """A backup that was read completely at a time; `damaged` are its files that are not as they were written.

    `opened` says whether what is in the files was read, too.
    """

    time: str
    place: str
    damaged: tuple[str, ...] = ()
    opened: bool = False


@dataclass(frozen=True)
class LastBackup:
    """What became of the last backup: `none` where the backup command has left no file.

    `succeeded_at` is when the last one that did not fail ended, `size` in bytes; times are those of RFC 3339.
    """

    status: BackupStatus
    succeeded_at: str | None = None
    began_at: str | None = None
    ended_at: str | None = None
    seconds: float | None = None
    size: int | None = None
    error: str | None = None
    place: str | None = None
    encrypted: bool = False
    verified: VerifiedBackup | None = None

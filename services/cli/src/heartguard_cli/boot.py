"""Start HeartGuard with the machine: a unit of systemd on Linux, a job of launchd on macOS."""

import os
import plistlib
import pwd
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heartguard_cli.errors import CommandError
from heartguard_cli.layout import Layout
from heartguard_common.core.files import sync_directory

# the directories of settings that may lie outside of the clone
WRITTEN = ("MEDIA_DIR", "CHECKPOINT_DIR", "BACKUP_DIR")
UNIT = """\
# Written by `heartguard service install`, which overwrites changes; `systemctl edit {name}` keeps yours apart.
[Unit]
Description=HeartGuard in {description}
After=network-online.target postgresql.service redis-server.service valkey.service
Wants=network-online.target

[Service]
Type=forking
PIDFile={pid_file}
WorkingDirectory={root}
{environment}ExecStart={start}
ExecReload={reload}
ExecStop={stop}
# the first start installs packages, and one after an upgrade may migrate for long
TimeoutStartSec=infinity
TimeoutStopSec=60
Restart=on-failure
RestartSec=10
KillMode=mixed
# one program that needs too much memory is started again by the supervisor
OOMPolicy=continue
LimitNOFILE=65536
{hardening}
[Install]
WantedBy={target}
"""
# what an ordinary user's systemd can do as well: nothing that needs a mount namespace
FOR_ALL = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=~@clock @cpu-emulation @debug @module @obsolete @raw-io @reboot @swap
"""
FOR_SYSTEM = """\
User={user}
Group={group}
ProtectSystem=strict
ReadWritePaths={paths}
ProtectHome=read-only
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
"""
# root's PostgreSQL runs in a user namespace, or as another user
FOR_A_USER = """\
CapabilityBoundingSet={capabilities}
AmbientCapabilities={capabilities}
RestrictNamespaces=yes
"""


@dataclass(frozen=True)
class Service:
    """The file that makes HeartGuard start, and the commands by which it is taken up and dropped."""

    file: Path
    text: str
    enable: Sequence[Sequence[str]]
    disable: Sequence[Sequence[str]]
    manager_runs: bool
    hint: str

    def install(self) -> bool:
        """Write the file and enable it; False where no manager runs that could be told. Raises `CommandError`."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.file.with_name(self.file.name + ".new")
        fresh.write_text(self.text)
        fresh.chmod(0o644)
        fresh.rename(self.file)
        sync_directory(self.file.parent)
        return self._tell(self.enable)

    def uninstall(self) -> bool:
        """Disable it and remove the file; False where there is none. Raises `CommandError`."""
        if not self.file.exists():
            return False
        self._tell(self.disable)
        self.file.unlink()
        return True

    def _tell(self, commands: Sequence[Sequence[str]]) -> bool:
        if not self.manager_runs:
            return False
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise CommandError(f"`{' '.join(command)}` failed: {' '.join(done.stderr.split())}")
        return True


def describe(layout: Layout, values: Mapping[str, str], name: str, gateway_port: int) -> Service:
    """What would be installed by this account: root installs for the machine, another account for itself."""
    if sys.platform == "darwin":
        return _launchd(layout, name)
    return _systemd(layout, values, name, gateway_port)


def _systemd(layout: Layout, values: Mapping[str, str], name: str, gateway_port: int) -> Service:
    system = os.geteuid() == 0
    words = ["systemctl", *([] if system else ["--user"])]
    directory = Path("/etc/systemd/system") if system else _configuration() / "systemd" / "user"
    unit = f"{name}.service"
    start = f"{' '.join(words)} start {name} starts it now, where ./start_services.sh has not"
    linger = f"; so that it starts without a login: loginctl enable-linger {_account(os.geteuid())}"
    return Service(
        file=directory / unit,
        text=unit_text(layout, values, name, gateway_port, system=system),
        enable=([*words, "daemon-reload"], [*words, "enable", unit]),
        disable=([*words, "disable", unit],),
        manager_runs=Path("/run/systemd/system").is_dir() and shutil.which("systemctl") is not None,
        hint=start if system else start + linger,
    )


def unit_text(layout: Layout, values: Mapping[str, str], name: str, gateway_port: int, *, system: bool) -> str:
    """The unit, for the machine's systemd or for that of an account."""
    venv = os.environ.get("HEARTGUARD_VENV")
    hardening = FOR_ALL
    if system:
        owner = layout.root.stat()
        paths = [layout.root, *_outside(layout, values)]
        hardening += FOR_SYSTEM.format(
            user=_account(owner.st_uid), group=owner.st_gid, paths=" ".join(_word(f"-{path}") for path in paths)
        )
        if owner.st_uid != 0:
            hardening += FOR_A_USER.format(capabilities="CAP_NET_BIND_SERVICE" if gateway_port < 1024 else "")
        if layout.socket.is_relative_to(layout.root):  # elsewhere the command could not reach it
            hardening += "PrivateTmp=yes\n"
    return UNIT.format(
        name=name,
        description=_escaped(layout.root),
        root=_escaped(layout.root),
        pid_file=_escaped(layout.run / "supervisord.pid"),
        environment=f"Environment={_word(f'HEARTGUARD_VENV={Path(venv).absolute()}')}\n" if venv else "",
        start=_word(layout.root / "start_services.sh"),
        stop=_word(layout.root / "stop_services.sh"),
        reload=f"{_word(layout.root / 'heartguard')} restart --rolling",
        hardening=hardening,
        target="multi-user.target" if system else "default.target",
    )


def _launchd(layout: Layout, name: str) -> Service:
    system = os.geteuid() == 0
    label = f"io.heartguard.{name}"
    directory = Path("/Library/LaunchDaemons") if system else Path.home() / "Library" / "LaunchAgents"
    file = directory / f"{label}.plist"
    domain = "system" if system else f"gui/{os.geteuid()}"
    return Service(
        file=file,
        text=plist_text(layout, label, _account(layout.root.stat().st_uid) if system else None),
        enable=(["launchctl", "enable", f"{domain}/{label}"],),
        disable=(["launchctl", "disable", f"{domain}/{label}"],),
        manager_runs=True,
        hint=f"it starts at the next {'boot' if system else 'login'}; now: ./start_services.sh",
    )


def plist_text(layout: Layout, label: str, user: str | None) -> str:
    """The job of launchd: it starts everything and ends; what it started goes on."""
    job: dict[str, object] = {
        "Label": label,
        "ProgramArguments": [str(layout.root / "start_services.sh")],
        "WorkingDirectory": str(layout.root),
        "RunAtLoad": True,
        "AbandonProcessGroup": True,
        "StandardOutPath": str(layout.log / "service.log"),
        "StandardErrorPath": str(layout.log / "service.log"),
        "SoftResourceLimits": {"NumberOfFiles": 65_536},
    }
    if user:
        job["UserName"] = user
    if venv := os.environ.get("HEARTGUARD_VENV"):
        job["EnvironmentVariables"] = {"HEARTGUARD_VENV": str(Path(venv).absolute())}
    return plistlib.dumps(job).decode()


def _outside(layout: Layout, values: Mapping[str, str]) -> list[Path]:
    """The directories outside of the clone that HeartGuard writes to."""
    named = [layout.root / values[name] for name in WRITTEN if values.get(name) and "://" not in values[name]]
    return [path for path in named if not path.resolve().is_relative_to(layout.root.resolve())]


def _configuration() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _account(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _escaped(value: object) -> str:
    return str(value).replace("%", "%%")


def _word(value: object) -> str:
    """A word of a command line of systemd, which knows C's escapes."""
    text = _escaped(value)
    if all(character.isalnum() or character in "-_./=:%" for character in text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

"""A copy of the tree with ports of its own, started and stopped by the scripts a person uses."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heartguard_cli import locks
from heartguard_cli.environment import DEFAULT_PORTS
from heartguard_cli.layout import Layout
from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.core.registry import REGISTRY, SERVICES
from tests.servers import children, free_port

PROGRAMS = (*SERVICES, *REGISTRY.programs, "valkey", "postgres")


@dataclass
class Clone:
    """The scripts of one copy; `environment` is what they see besides PATH."""

    root: Path
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in DEFAULT_PORTS})

    @classmethod
    def make(cls, root: Path) -> "Clone":
        """Copy every file that git would commit."""
        listed = (
            subprocess.run(
                ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                cwd=REPO_ROOT,
                capture_output=True,
                check=True,
            )
            .stdout.decode()
            .split("\0")
        )
        for name in filter(None, listed):
            source, target = REPO_ROOT / name, root / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        return cls(root)

    def hash_lightly(self) -> None:
        """Let this copy hash passwords with light parameters, for tests that are not about how long that takes.

        It changes the copy's application instead of reading a setting: no setting of the product weakens a hash.
        """
        app = self.root / "services/auth/src/app.py"
        whole = app.read_text()
        text = whole.replace("from_env())", "from_env(), hasher=Argon2Hasher(passes=1, kibibytes=8))")
        assert text != whole
        app.write_text("from heartguard_auth.accounts.store.password_hasher import Argon2Hasher\n" + text)

    @property
    def layout(self) -> Layout:
        return Layout(self.root)

    def script(self, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the root as a person would; the settings are given only to what writes `.env`."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        ports = {f"{key.upper()}_PORT": str(number) for key, number in self.ports.items()}
        own = {"GATEWAY_BIND": "127.0.0.1", "RATE_LIMIT": "100000/min"}
        first = name == "start_services.sh" or arguments[:1] == ("env",)
        far = ("foundings_per_address_per_day", "open_uploads", "open_uploads_per_member")
        own["LIMITS"] = ",".join(f"{name}=1000000" for name in far)
        return subprocess.run(
            [str(self.root / name), *arguments],
            env={**kept, "HEARTGUARD_VENV": sys.prefix, **(ports | own if first else {}), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            cwd="/",
            stdin=subprocess.DEVNULL,
        )

    def start(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Start it; settings that the environment gives are kept in its `.env`."""
        return self.script("start_services.sh", *(["--save"] if environment else []), **environment)

    def stop(self) -> subprocess.CompletedProcess[str]:
        return self.script("stop_services.sh")

    def pid(self, program: str) -> int:
        """The first process of a running program."""
        lock = self.layout.lock(program)
        pid = locks.pid_of(lock)
        assert locks.held(lock), f"{program} does not run"
        assert pid is not None
        return pid

    def replaced(self, program: str, before: int) -> bool:
        """Whether the program runs under another process than `before`."""
        lock = self.layout.lock(program)
        return locks.held(lock) and locks.pid_of(lock) not in {None, before}

    def supervisor_pid(self) -> int:
        return int((self.layout.run / "supervisord.pid").read_text())

    def living(self) -> list[str]:
        """Programs of this copy of which a process runs."""
        return locks.running(self.layout, PROGRAMS)

    def family(self, program: str) -> list[int]:
        """A program's processes: the first one and its children."""
        return [self.pid(program), *children(self.pid(program))]

    def send(self, program: str, what: signal.Signals) -> None:
        """Send a signal to a program and its children."""
        for pid in self.family(program):
            os.kill(pid, what)

    def ready(self, service: str) -> tuple[int, dict[str, Any]]:
        """Status and document of a service's `/ready`; status 0 while it can't be reached."""
        try:
            return self.call(service, "GET", f"{SERVICES[service].prefix}/ready")
        except (OSError, http.client.HTTPException):
            return 0, {}

    def all_ready(self) -> bool:
        return all(status == 200 for status, _ in self.everybody().values())

    def everybody(self) -> dict[str, tuple[int, dict[str, Any]]]:
        """`ready` of every service, asked at the same time."""
        with ThreadPoolExecutor(len(SERVICES)) as pool:
            return dict(zip(SERVICES, pool.map(self.ready, SERVICES), strict=True))

    def call(
        self, service: str, method: str, path: str, document: object = None, token: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """One JSON request to a service; the document is empty where there is none."""
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        body = None
        if document is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(document)
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[service], timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else {}
        finally:
            connection.close()

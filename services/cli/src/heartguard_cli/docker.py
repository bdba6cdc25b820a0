"""The same system under Docker Compose, as `--docker` or `HEARTGUARD_RUNTIME=docker` ask for it."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from heartguard_cli.environment import addresses, port
from heartguard_cli.errors import CommandError
from heartguard_cli.overview import ServiceState, show, show_next_steps
from heartguard_cli.progress import stage
from heartguard_cli.urls import local_url
from heartguard_common.core.registry import SERVICES

HEALTH_SECONDS = 300.0
GOOGLE_CREDENTIALS = Path("/opt/heartguard/service-account.json")  # where the plan puts the file
BACKUP = "backup"
GOOD = frozenset({"healthy", "-"})


class Compose:
    """Docker Compose for the file at the root of a clone."""

    def __init__(self, root: Path, google_credentials: Path = GOOGLE_CREDENTIALS) -> None:
        self._root = root
        self._google_credentials = google_credentials

    def up(self, values: Mapping[str, str]) -> None:
        """Build and start the containers, wait for their health checks, print them. Raises `CommandError`."""
        command = self._command()
        if command is None:
            raise CommandError("Docker Compose is not installed: install it, or start without --docker")
        print("  docker compose up -d --build", flush=True)
        up = [*command, "up", "-d", "--build"]
        if subprocess.run(up, cwd=self._root, check=False, env=self._environment(values)).returncode != 0:
            raise CommandError("docker compose up has failed: see its messages above")
        with stage("health checks"):
            self._await_health()
        print()
        show(self.states(values))
        show_next_steps(local_url(addresses(values, "gateway")[0], port(values, "gateway")))

    def states(self, values: Mapping[str, str]) -> list[ServiceState]:
        """The same rows as without Docker; every URL is the gateway's, for nothing else is published."""
        found = []
        published = local_url(addresses(values, "gateway")[0], port(values, "gateway"))
        for name, state, health in self._rows():
            service = SERVICES.get(name)
            where, needs = (published + service.prefix, service.depends) if service else ("", ())
            shown = "ready" if state == "running" and health in GOOD else f"{state} ({health})"
            found.append(ServiceState(name, where, shown, dict.fromkeys(needs, "unknown")))
        return found

    def running(self) -> bool:
        """Whether there are containers of this clone."""
        return self._command() is not None and bool(self._rows())

    def state(self, values: Mapping[str, str]) -> tuple[list[ServiceState], bool]:
        """The rows, and whether everything in them is well. Raises `CommandError` without Docker Compose."""
        if self._command() is None:
            raise CommandError("Docker Compose is not installed, and HEARTGUARD_RUNTIME=docker asks for it")
        found = [state == "running" and health in GOOD for _, state, health in self._rows()]
        return self.states(values), bool(found) and all(found)

    def down(self) -> bool:
        """End the containers of this clone; False when there are none."""
        command = self._command()
        if command is None or not self._rows():
            return False
        if subprocess.run([*command, "down"], cwd=self._root, check=False).returncode != 0:
            raise CommandError("docker compose down has failed: see its messages above")
        return True

    def _environment(self, values: Mapping[str, str]) -> dict[str, str]:
        # What we read of .env counts before what Compose does, which puts variables in the place of a `$`.
        derived = {**os.environ, **values, "SERVICE_CREDENTIALS": values.get("SERVICE_CREDENTIALS", "")}
        # Docker would make a directory where no credentials file is
        if values.get("GOOGLE_APPLICATION_CREDENTIALS") or self._google_credentials.exists():
            return derived
        return {**derived, "GOOGLE_APPLICATION_CREDENTIALS": os.devnull}

    def _command(self) -> list[str] | None:
        docker = shutil.which("docker")
        if docker and self._output([docker, "compose", "version"]) is not None:
            return [docker, "compose"]
        old = shutil.which("docker-compose")
        return [old] if old else None

    def _output(self, command: list[str]) -> str | None:
        done = subprocess.run(command, cwd=self._root, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def _await_health(self) -> None:
        deadline = time.monotonic() + HEALTH_SECONDS
        while True:
            rows = self._rows()
            waiting = [name for name, state, health in rows if state != "running" or _begins(name, health)]
            if rows and not waiting:
                return
            if time.monotonic() > deadline:
                raise CommandError(f"Not healthy after {HEALTH_SECONDS:.0f} s: {', '.join(waiting) or 'no container'}")
            time.sleep(1)

    def _rows(self) -> list[tuple[str, str, str]]:
        command = self._command()
        text = self._output([*command, "ps", "--format", "json"]) if command else None
        return sorted((item["Service"], item["State"], item.get("Health") or "-") for item in _documents(text or ""))


def _begins(name: str, health: str) -> bool:
    """Whether a start has to wait: not for backups, which may have failed before; `status` shows that."""
    return health not in GOOD and not (name == BACKUP and health == "unhealthy")


def _documents(text: str) -> list[dict[str, str]]:
    # Compose before 2.21 prints one array, later ones print one object a line
    found: list[dict[str, str]] = []
    for line in text.splitlines():
        if line.strip():
            document = json.loads(line)
            found.extend(document if isinstance(document, list) else [document])
    return found

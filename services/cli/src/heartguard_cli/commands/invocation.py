"""What a command is run on: the clone whose script was called, and the words behind the script's name."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heartguard_cli.errors import CommandError
from heartguard_cli.layout import Layout

if TYPE_CHECKING:
    from heartguard_cli.operator_api import OperatorApi
    from heartguard_cli.programs import System


@dataclass(frozen=True)
class Invocation:
    """One call of the command."""

    layout: Layout
    words: tuple[str, ...]

    @property
    def configured(self) -> bool:
        """Whether there is a `.env`. In a container there is none: the environment holds what a command needs."""
        return self.layout.env_file.exists()

    def system(self) -> "System":
        """What `.env` describes, with the ports of what runs. Raises `CommandError`, also where there is none."""
        return self.configured_system().as_started()

    def configured_system(self) -> "System":
        """What `.env` describes, as the next start will have it. Raises `CommandError`, also where there is none."""
        from heartguard_cli import environment
        from heartguard_cli.programs import System

        try:
            return System(self.layout, environment.load(self.layout.env_file, os.environ))
        except CommandError:
            if self.configured:
                raise
            sentence = (
                "There is no .env here: ./start_services.sh writes one and starts, ./heartguard env only writes it"
            )
            raise CommandError(sentence) from None

    def operator_api(self) -> "OperatorApi":
        """The API of this clone's system, with the operator's token. Raises `CommandError` while it does not run."""
        from heartguard_cli import locks
        from heartguard_cli.environment import addresses, read
        from heartguard_cli.operator_api import OperatorApi
        from heartguard_cli.urls import local_url

        system = self.system()
        url = system.url("gateway")
        if not locks.held(self.layout.lock("gateway")):
            if not in_docker(system):
                raise CommandError("HeartGuard is not running: ./start_services.sh starts it")
            url = local_url(addresses(system.values, "gateway")[0], system.ports()["gateway"])
        # what runs here was started with the token of `.env`; the environment may have that of another system
        return OperatorApi(url, read(self.layout.env_file).get("OPERATOR_TOKEN") or system.values["OPERATOR_TOKEN"])

    def system_on_this_machine(self) -> "System":
        """The system, for a command on its own PostgreSQL. Raises `CommandError` under Docker."""
        found = self.system()
        if in_docker(found):
            raise CommandError(
                f"HeartGuard runs under Docker here, and `{self.words[0]}` knows the database of this machine only: "
                "docs/operations.md says how it goes in a container"
            )
        return found


def in_docker(system: "System") -> bool:
    """Whether the system of this clone runs under Docker Compose, or `HEARTGUARD_RUNTIME` says that it does."""
    from heartguard_cli import locks
    from heartguard_cli.programs import PROGRAMS

    if locks.running(system.layout, PROGRAMS):
        return False
    from heartguard_cli.docker import Compose

    return system.values.get("HEARTGUARD_RUNTIME") == "docker" or Compose(system.layout.root).running()

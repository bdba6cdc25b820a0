"""`keys`, `audit` and `policy`: a program of a service carries them out, in the environment of that service."""

import copy
import subprocess
import sys
from dataclasses import dataclass

import click

from heartguard_cli import locks
from heartguard_cli.commands.invocation import Invocation
from heartguard_cli.errors import CommandError
from heartguard_common.command_line import audit as audit_commands
from heartguard_common.command_line import keys as keys_commands
from heartguard_common.command_line import policy as policy_commands


@dataclass(frozen=True)
class ServiceProgram:
    """A module of a service that takes the same words; `program` names one of REGISTRY whose environment it needs.

    With `database` it needs PostgreSQL: while the system is stopped, the embedded one runs for it alone. A key ring
    that can't be decrypted keeps the system from starting, and the trail is read when something is wrong.
    """

    service: str
    module: str
    program: str | None = None
    database: bool = True

    def run(self, invocation: Invocation) -> int:
        """Run it with the words behind the group's name; its exit code. Raises `CommandError`."""
        if not invocation.configured:
            raise CommandError(f"There is no .env here: in a container, run `python -m {self.module}`")
        if not self.database:
            return self._run(invocation)
        from heartguard_cli.database_session import database

        system = invocation.system_on_this_machine()
        with database(system):
            if not locks.held(system.layout.lock(self.service)):  # a service that runs has its role
                from heartguard_cli import checks

                checks.role(system.environment(self.service, self.program)["DATABASE_URL"], self.service)
            return self._run(invocation)

    def _run(self, invocation: Invocation) -> int:
        invocation.layout.make()  # before the first start, too: the password of an embedded cluster lies there
        environment = invocation.system().environment(self.service, self.program)
        command = [sys.executable, "-m", self.module, *invocation.words[1:]]
        return subprocess.run(command, env=environment, check=False).returncode


def _run_by(group: click.Group, program: ServiceProgram) -> click.Group:
    """The same commands; each, once its words are found to be right, is passed on to the program."""

    @click.pass_obj
    def pass_on(invocation: Invocation, /, **_parsed_again_by_the_program: object) -> int:
        return program.run(invocation)

    made = copy.copy(group)
    made.commands = {name: copy.copy(command) for name, command in group.commands.items()}
    for command in made.commands.values():
        command.callback = pass_on
    return made


keys = _run_by(keys_commands.keys, ServiceProgram("auth", "heartguard_auth.keys"))
audit = _run_by(audit_commands.audit, ServiceProgram("audit", "heartguard_audit.offline", program="consumer"))
policy = _run_by(policy_commands.policy, ServiceProgram("gateway", "heartguard_gateway.explain", database=False))

"""`heartguard audit`: work on the audit trail. `heartguard_audit.offline` carries it out."""

from typing import Protocol

import click

from heartguard_common.command_line.running import HELP_OPTIONS


class AuditCommands(Protocol):
    """What carries the commands out; each returns the exit code."""

    def verify(self, organization: int | None, *, as_json: bool) -> int:
        """Check the chain of one organization, or of every one."""

    def retain(self) -> int:
        """Remove what is older than it is kept."""


@click.group(name="audit", context_settings=HELP_OPTIONS)
def audit() -> None:
    """Verify the audit trail, or remove old events."""


@audit.command(name="verify")
@click.option("--organization", type=int, metavar="ID", help="Verify the chain of this organization only.")
@click.option("--json", "as_json", is_flag=True, help="A JSON document instead of a table.")
@click.pass_obj
def _verify(commands: AuditCommands, organization: int | None, *, as_json: bool) -> int:
    """Verify every event, and the signed checkpoints.

    Each organization has a chain of its own, and events of none have one.
    The exit code is 1 when an event was changed, removed or added, and 2 when it could not be verified.
    """
    return commands.verify(organization, as_json=as_json)


@audit.command(name="retain")
@click.pass_obj
def _retain(commands: AuditCommands) -> int:
    """Remove events older than AUDIT_RETENTION_DAYS now."""
    return commands.retain()

"""Commands on the chains that need no running service: `python -m heartguard_audit.offline verify`."""

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence

from heartguard_audit.domain.chain import Keys
from heartguard_audit.settings import ConsumerSettings, Settings
from heartguard_audit.store.chain_store import PostgresChainStore
from heartguard_audit.store.checkpoints import CheckpointFile
from heartguard_audit.store.retention import PostgresRemover
from heartguard_audit.usecases.chains import ChainReport, Verification
from heartguard_audit.usecases.retention import Retention
from heartguard_common.command_line import audit as commands
from heartguard_common.command_line.running import run
from heartguard_common.command_line.terminal import counter, show_json, show_table
from heartguard_common.core.clock import SystemClock
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.settings import SettingsError
from heartguard_common.jobs.dead_letter_store import PostgresDeadLetters
from heartguard_common.stores.database import Database

HEADINGS = ("organization", "events", "checkpoints", "first bad", "verdict")
VALID = "valid"


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command: 0 when all is well, 1 when a chain is broken, 2 when it could not be found out."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        return run(commands.audit, words, "python -m heartguard_audit.offline", Commands(environ))
    except (SettingsError, ServiceError, OSError) as error:
        print(f"heartguard: {error}", file=sys.stderr)
        return 2


class Commands:
    """`verify` and `retain`; each returns the exit code. Raises `SettingsError`, `ServiceError`, OSError."""

    def __init__(self, environ: Mapping[str, str] | None) -> None:
        self._environ = environ

    def verify(self, organization: int | None, *, as_json: bool) -> int:
        """Check the chain of one organization, or of every one."""
        return _verify(ConsumerSettings.from_env(self._environ), organization, as_json=as_json)

    def retain(self) -> int:
        """Remove what is older than it is kept."""
        return _retain(ConsumerSettings.from_env(self._environ))


def _retain(settings: ConsumerSettings) -> int:
    if not settings.retention_days:
        print("AUDIT_RETENTION_DAYS is not set: events are kept for ever")
        return 0
    print(f"{retained(settings, logging.getLogger('heartguard')):,} events were removed")
    return 0


def retained(settings: ConsumerSettings, log: logging.Logger) -> int:
    """Remove events that are older than the retention period; returns how many."""
    database, removing = (Database(url, pool_size=1) for url in (settings.database_url, settings.retention_url))
    try:
        keys = Keys(settings.checkpoint_key, settings.checkpoint_key_previous)
        chain_store, checkpoint_log = PostgresChainStore(database), CheckpointFile(settings.checkpoint_dir)
        remover = PostgresRemover(removing)
        clock = SystemClock()
        dead_letters = PostgresDeadLetters("audit", database, clock)
        return Retention(
            chain_store, checkpoint_log, keys, remover, clock, settings.retention_days, log, dead_letters
        ).step()
    finally:
        database.close()
        removing.close()


def _verify(settings: Settings, only: int | None, *, as_json: bool) -> int:
    database = Database(settings.database_url, pool_size=1)
    try:
        checkpoint_log = CheckpointFile(settings.checkpoint_dir)
        keys = Keys(settings.checkpoint_key, settings.checkpoint_key_previous)
        found = list(_progressing(Verification(PostgresChainStore(database), checkpoint_log, keys), only))
    finally:
        database.close()
    if as_json:
        show_json({"public_key": keys.public_key.hex(), "organizations": [_document(it) for it in found]})
    else:
        show_table(HEADINGS, [row(it) for it in found], styles={VALID: "green"})
        print(f"checkpoints are signed with the public key {keys.public_key.hex()}")
    return 1 if any(it.verdict.chain_break for it in found) else 0


def _progressing(verification: Verification, only: int | None) -> Iterable[ChainReport]:
    with counter("events") as show_progress:
        for report in verification.verify_all(only, show_progress):
            show_progress(None)
            yield report


def _document(it: ChainReport) -> dict[str, object]:
    chain_break = it.verdict.chain_break
    return {
        "organization": it.org_id,
        "events": it.verdict.checked,
        "checkpoints": it.checkpoints,
        "first_bad": chain_break.sequence if chain_break else None,
        "verdict": chain_break.reason if chain_break else VALID,
    }


def row(it: ChainReport) -> tuple[str, ...]:
    """A chain as a row of the table."""
    chain_break = it.verdict.chain_break
    name = "(none)" if it.org_id is None else str(it.org_id)
    counts = (f"{it.verdict.checked:,}", f"{it.checkpoints:,}")
    return (
        name,
        *counts,
        str(chain_break.sequence) if chain_break else "",
        chain_break.reason if chain_break else VALID,
    )


if __name__ == "__main__":
    sys.exit(main())

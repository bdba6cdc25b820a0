"""Commands on the chains that need no running service: `python -m heartguard_audit.offline verify`."""

import argparse
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
from heartguard_common.core.clock import SystemClock
from heartguard_common.core.columns import columns
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.settings import SettingsError
from heartguard_common.jobs.dead_letter_store import PostgresDeadLetters
from heartguard_common.stores.database import Database

HEADINGS = ("organization", "events", "checkpoints", "first bad", "verdict")


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command; returns 0 on success, 1 when a chain is broken, 2 when the command could not be carried out."""
    parser = argparse.ArgumentParser(
        prog="heartguard audit", description="Verify the audit trail, or remove old events."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="verify every event of every organization, and the signed checkpoints")
    verify.add_argument("--organization", type=int, help="verify the chain of this organization only")
    commands.add_parser("retain", help="remove events older than AUDIT_RETENTION_DAYS now")
    options = parser.parse_args(arguments)
    try:
        settings = ConsumerSettings.from_env(environ)
        return _retain(settings) if options.command == "retain" else _verify(settings, options.organization)
    except (SettingsError, ServiceError, OSError) as error:
        print(f"heartguard: {error}", file=sys.stderr)
        return 2


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


def _verify(settings: Settings, only: int | None) -> int:
    database = Database(settings.database_url, pool_size=1)
    try:
        checkpoint_log = CheckpointFile(settings.checkpoint_dir)
        keys = Keys(settings.checkpoint_key, settings.checkpoint_key_previous)
        found = list(_progressing(Verification(PostgresChainStore(database), checkpoint_log, keys), only))
    finally:
        database.close()
    print(table(found))
    print(f"checkpoints are signed with the public key {keys.public_key.hex()}")
    return 1 if any(it.verdict.chain_break for it in found) else 0


def _progressing(verification: Verification, only: int | None) -> Iterable[ChainReport]:
    for report in verification.verify_all(only, _show_progress):
        _show_progress(None)
        yield report


def _show_progress(events: int | None) -> None:
    """Show the progress on a terminal; None removes it."""
    if sys.stderr.isatty():
        print("\r" + (f"{events:>12,} events" if events else " " * 24 + "\r"), end="", file=sys.stderr, flush=True)


def table(found: Sequence[ChainReport]) -> str:
    """The verdicts, one line for each chain."""
    return columns(HEADINGS, [_row(it) for it in found])


def _row(it: ChainReport) -> tuple[str, ...]:
    chain_break = it.verdict.chain_break
    name = "(none)" if it.org_id is None else str(it.org_id)
    counts = (f"{it.verdict.checked:,}", f"{it.checkpoints:,}")
    return (
        name,
        *counts,
        str(chain_break.sequence) if chain_break else "",
        chain_break.reason if chain_break else "valid",
    )


if __name__ == "__main__":
    sys.exit(main())

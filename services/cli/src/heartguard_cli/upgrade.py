"""What a start with this code would do to the database, told before it is done."""

from collections.abc import Iterator
from dataclasses import dataclass

from heartguard_cli import migrate
from heartguard_cli.backup.run import settings_of
from heartguard_cli.programs import System
from heartguard_common import __version__


@dataclass(frozen=True)
class Outlook:
    """What `migrate.plan` says; `plan` is None where the database is at the revision `newer`, unknown to this code.

    `backup` is where a start makes a backup before it migrates, None where it makes none.
    """

    plan: migrate.Plan | None
    newer: str | None
    newest: str
    backup: str | None

    @property
    def state(self) -> str:
        """In one word: `newer`, `empty`, `pending` or `current`."""
        if self.plan is None:
            return "newer"
        if self.plan.found is None:
            return "empty"
        return "pending" if self.plan.changes_data else "current"

    def document(self) -> dict[str, object]:
        """For another program; `backup` is null where no backup would be made."""
        migrations = self.plan.migrations if self.plan else ()
        return {
            "version": __version__,
            "revision": self.newest,
            "database_revision": self.plan.found if self.plan else self.newer,
            "state": self.state,
            "migrations": [{"revision": it.revision, "description": it.description} for it in migrations],
            "backup": self.backup if self.state == "pending" else None,
        }

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield f"this code      HeartGuard {__version__}, revision {self.newest}"
        if self.plan is None:
            yield f"the database   revision {self.newer}, which this code does not know: a start refuses it"
            yield "Update HeartGuard, or restore a backup of this code's time."
            return
        yield f"the database   {f'revision {self.plan.found}' if self.plan.found else 'empty'}"
        yield from self._work(self.plan)

    def _work(self, plan: migrate.Plan) -> Iterator[str]:
        if plan.found is None:
            yield f"A start creates the tables ({len(plan.migrations)} migrations)."
            return
        if not plan.changes_data:
            yield "A start migrates nothing; ./heartguard restart --rolling takes up new code without a pause."
            return
        if plan.renamed:
            yield f"A start gives the revision {plan.found} its present name."
        if plan.migrations:
            count = len(plan.migrations)
            yield f"A start runs {count} migration{'s' if count > 1 else ''}, all or none of them:"
            width = max(len(it.revision) for it in plan.migrations)
            yield from (f"  {it.revision.ljust(width)}  {it.description}" for it in plan.migrations)
        if self.backup:
            yield f"Before that it makes a backup in {self.backup}."
        else:
            yield "No backup is made before that: make one first, with `backup`."


def look(owner_url: str, backup: str | None) -> Outlook:
    """Look at a database that answers. Changes nothing; raises `CommandError`."""
    newest, newer = migrate.newest(), migrate.unknown(owner_url)
    plan = None if newer else migrate.plan(owner_url)
    return Outlook(plan, newer, newest, backup)


def backup_place(system: System) -> str:
    """Where a start of this system makes its backup."""
    return settings_of(system).target

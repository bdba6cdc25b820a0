"""Dump a database of this release for the tests of later ones: python -m tests.store.migrations.take VERSION [ROWS]

The newest dump is loaded and migrated; ROWS is a file of SQL with rows for the tables and columns that are new since.
Writes tests/store/migrations/VERSION.sql.
"""

import sys
import tempfile
from pathlib import Path

from heartguard_cli import migrate
from tests.servers import Postgres
from tests.store.migrations.dumps import RELEASES, dump, load, run, unfilled


def take(version: str, rows: str) -> None:
    """Write the dump; nothing is written when a column has no value in it."""
    newest = max(RELEASES, key=lambda path: tuple(map(int, path.stem.split("."))))
    with tempfile.TemporaryDirectory() as directory:
        server = Postgres(Path(directory))
        server.start()
        try:
            with server.database(), server.empty_database() as made:  # the first one makes the roles
                load(made, newest)
                migrate.upgrade(made.owner_url, made.passwords)
                run(made, rows or "SELECT")
                if missing := unfilled(made):
                    raise SystemExit(f"no row has a value of {', '.join(missing)}: give INSERT statements in a file")
                (Path(__file__).parent / f"{version}.sql").write_text(dump(made))
        finally:
            server.stop()


if __name__ == "__main__":
    take(sys.argv[1], Path(sys.argv[2]).read_text() if sys.argv[2:] else "")

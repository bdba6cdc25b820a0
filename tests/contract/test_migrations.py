"""Migrations are numbered in the order in which they run, and stay what they are whatever the code becomes."""

import ast
import re

from alembic.script import ScriptDirectory

from heartguard_cli.earlier_revisions import EARLIER_REVISIONS
from heartguard_common.core.paths import REPO_ROOT

MIGRATIONS = REPO_ROOT / "migrations"
FILES = sorted((MIGRATIONS / "versions").glob("*.py"))
# Nothing that finds modules or files: a migration has its statements and its functions in itself.
IMPORTED = {"alembic", "sqlalchemy", "collections", "decimal", "hashlib", "json", "typing"}
# The former ids in the order in which they ran.
EARLIER = """0001 0002 0003 0004 0009 0006 0005 0010 0008 0011 0005a 0012 0016 0017 0022 0024 0027 0031 0032 0033 0034
    0035 0037 0038 0039"""
LONGEST_ID = 32  # the width of the column version_num


def chain() -> list[str]:
    return [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]


def test_files_are_numbered_as_their_revisions_run():
    assert [path.stem for path in FILES] == chain()
    # Numbers may be left out: branches that are worked on at the same time take different ones.
    assert len({path.stem[:5] for path in FILES}) == len(FILES)
    assert [path.stem for path in FILES if not re.fullmatch(r"[0-9]{4}(_[a-z]+)+", path.stem)] == []
    assert [path.stem for path in FILES if len(path.stem) > LONGEST_ID] == []


def test_a_migration_imports_alembic_and_a_little_of_the_standard_library():
    imported = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {(path.stem, alias.name.partition(".")[0]) for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((path.stem, "." * node.level + (node.module or "").partition(".")[0]))
    assert [pair for pair in sorted(imported) if pair[1] not in IMPORTED] == []


def test_the_migrations_directory_contains_only_migrations():
    found = {path.relative_to(MIGRATIONS).as_posix() for path in MIGRATIONS.rglob("*") if path.suffix != ".pyc"}
    versions = {path.relative_to(MIGRATIONS).as_posix() for path in FILES}
    assert {name for name in found if "__pycache__" not in name} == {"env.py", "versions", *versions}


def test_each_earlier_id_means_the_revision_at_its_place():
    assert list(EARLIER_REVISIONS) == EARLIER.split()
    assert list(EARLIER_REVISIONS.values()) == chain()[: len(EARLIER_REVISIONS)]
    assert EARLIER_REVISIONS.keys() & set(chain()) == set()

"""The example of CONTRIBUTING.md is put into a copy of the repository: what is generated, and which files change."""

import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

from heartguard_common.core.paths import REPO_ROOT

CONTRIBUTING = (REPO_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"<!-- into (\S+) -->\n+```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LISTED = re.compile(r"^\| (`.+`) \| (written|generated)", re.MULTILINE)
PARTS = (
    "clients",
    "importers",
    "schemas",
    "services",
    "docs",
    "migrations",
    "portal",
    ".env.example",
    "README.md",
    "sources.py",
)
# Where the parts of a block go: behind a text, or, where there is none, to the end of the file.
PLACES = {
    "schemas/organization.schema.json": ['"$defs": {\n'],
    "services/organization/src/heartguard_organization/routes.py": ['service."""\n\n', "\n\n\n", "ROUTES = (\n"],
}


def test_the_example_of_a_new_route_changes_what_is_listed_and_no_more(tmp_path: Path) -> None:
    for name in PARTS:
        place = REPO_ROOT / name
        if place.is_dir():
            shutil.copytree(place, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, tmp_path / name)
    written = {path for path, _ in BLOCK.findall(CONTRIBUTING)}
    for path, block in BLOCK.findall(CONTRIBUTING):
        put(tmp_path / path, block, PLACES.get(path, [""]))
    for program in ("schemas/build.py", "docs/build.py"):
        done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    kinds = {path: kind for paths, kind in LISTED.findall(CONTRIBUTING) for path in re.findall(r"`([^`]+)`", paths)}
    assert {path for path in written if not matches(path, kinds, "written")} == set()
    changed = differing(tmp_path) - written
    assert {path for path in changed if not matches(path, kinds, "generated")} == set()
    assert {path for path, kind in kinds.items() if kind == "generated"} == changed
    checks = (tmp_path / "services/cli/validate/checks.sh").read_text(encoding="utf-8")
    assert "\n    row GET /organization/clock; gives 200 OrganizationClock $OrganizationClock_checks\n" in checks
    assert "\nOrganizationClock_checks='time_zone:text today:text'\n" in checks


def put(file: Path, block: str, places: list[str]) -> None:
    """Put the parts of a block, which lines of three dots divide, into a file, each behind its place."""
    file.parent.mkdir(exist_ok=True)
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    for place, part in zip(places, re.split(r"^\.\.\.\n", block, flags=re.MULTILINE), strict=True):
        at = text.index(place) + len(place) if place else len(text)
        text = f"{text[:at]}{'' if place or not text else chr(10)}{part}{text[at:]}"
    file.write_text(text, encoding="utf-8")


def matches(path: str, kinds: dict[str, str], kind: str) -> bool:
    return any(kind == known and fnmatch(path, pattern) for pattern, known in kinds.items())


def differing(copy: Path) -> set[str]:
    found = {
        str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    return {
        name
        for name in found
        if not (REPO_ROOT / name).is_file() or (REPO_ROOT / name).read_bytes() != (copy / name).read_bytes()
    }

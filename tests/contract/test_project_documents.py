"""CONTRIBUTING.md, docs/architecture.md and CHANGELOG.md say what is true: versions, snippets, names and links."""

import importlib
import json
import re
import tomllib
from datetime import date
from pathlib import Path

from heartguard_common import __version__
from heartguard_common.core.paths import REPO_ROOT, SCHEMAS_DIR

CONTRIBUTING = (REPO_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ARCHITECTURE = (REPO_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# A block of text that stands in a file, which a comment above it names. A line of three dots leaves something out.
SNIPPET = re.compile(r"<!-- from (\S+) -->\n+```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAME = re.compile(r"`(heartguard_[a-z_]+(?:\.\w+)+)`")
LINK = re.compile(r"\]\(([^)#:]+)\)")
PATH = re.compile(r"`((?:services|schemas|tests|docs|migrations|deploy|bench)/[\w./-]+)`")


def test_one_version_stands_everywhere() -> None:
    project = tomllib.loads((REPO_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    api = json.loads((SCHEMAS_DIR / "openapi.json").read_text(encoding="utf-8"))["info"]
    assert (project["version"], api["version"]) == (__version__, __version__)


def test_the_changelog_lists_releases_from_the_newest_to_the_first() -> None:
    text = (REPO_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[0] == "[Unreleased]"
    releases = re.findall(r"^## \[([0-9.]+)\] - (\S+)$", text, re.MULTILINE)
    assert releases[0][0] == __version__
    assert len(releases) == len(re.findall("^## ", text, re.MULTILINE)) - 1
    order = [(date.fromisoformat(day), tuple(map(int, version.split(".")))) for version, day in releases]
    assert order == sorted(order, reverse=True)
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_no_release_of_the_changelog_has_duplicate_entries() -> None:
    text = (REPO_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for release in re.split(r"^## ", text, flags=re.MULTILINE):
        entries = re.findall(r"^- (.*(?:\n  .*)*)", release, re.MULTILINE)
        assert sorted(set(entries)) == sorted(entries)


def test_each_snippet_is_in_the_file_that_it_names() -> None:
    snippets = SNIPPET.findall(CONTRIBUTING)
    assert len(snippets) >= 10
    changed = [
        f"{path}: {part}"
        for path, block in snippets
        for part in re.split(r"^\s*\.\.\.\n", block, flags=re.MULTILINE)
        if part.strip("\n") not in (REPO_ROOT / path).read_text(encoding="utf-8")
    ]
    assert changed == []


def test_each_name_of_the_architecture_is_in_the_code() -> None:
    names = {name for name in NAME.findall(ARCHITECTURE + CONTRIBUTING) if not name.endswith(".py")}
    assert len(names) > 30
    assert [name for name in sorted(names) if not _exists(name)] == []


def test_paths_and_links_lead_somewhere() -> None:
    lost = []
    for path in (REPO_ROOT / "CONTRIBUTING.md", REPO_ROOT / "docs" / "architecture.md", REPO_ROOT / "README.md"):
        text = path.read_text(encoding="utf-8")
        lost += [f"{path.name}: {link}" for link in LINK.findall(text) if not (path.parent / link).exists()]
        lost += [f"{path.name}: {name}" for name in PATH.findall(text) if not (REPO_ROOT / name).exists()]
    assert lost == []


def test_the_readmes_link_to_the_documents_for_contributors() -> None:
    wanted = ("CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "docs/errors.md", "CHANGELOG.md")
    for name in ("README.md", "README.es.md"):
        text = Path(REPO_ROOT / name).read_text(encoding="utf-8")
        assert [document for document in wanted if f"]({document})" not in text] == []


def _exists(name: str) -> bool:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[cut:]:
            found = getattr(found, attribute, None)
        return found is not None
    return False


def test_each_command_of_a_document_that_selects_tests_finds_some() -> None:
    empty = []
    for document in (REPO_ROOT / "README.md", *sorted((REPO_ROOT / "docs").glob("*.md"))):
        for files, expression in re.findall(r"pytest ((?:tests/\S+\.py )+)-k ([^`|]+)", document.read_text("utf-8")):
            sources = "".join((REPO_ROOT / path).read_text("utf-8") for path in files.split())
            names = " ".join(re.findall(r"def (test_\w+)", sources))
            words = set(re.findall(r"\w+", expression)) - {"or", "and", "not"}
            empty += [f"{document.name}: {word}" for word in words if word not in names]
    assert empty == []

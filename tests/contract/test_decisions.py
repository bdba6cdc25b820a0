"""The decisions: each number is given once, stands in the index, and leads somewhere from wherever it is cited."""

import re
from pathlib import Path
from typing import NamedTuple

from heartguard_common.core.paths import REPO_ROOT

FOLDER = REPO_ROOT / "docs" / "decisions"
INDEX = FOLDER / "README.md"
FOLDERS = (".github", "bench", "deploy", "docs", "examples", "importers", "migrations", "schemas", "services", "tests")
SUFFIXES = {".md", ".py", ".toml", ".sh", ".yml", ".yaml", ".csv", ".conf"}
ROW = re.compile(r"^\| (D\d+) \| (?:\[(.+)\]\((\S+)\)|(.+)) \| (.+) \|$", re.MULTILINE)
COMMENT = re.compile(r"a comment in \[\S+\]\((\S+)\)")
ENTRY = re.compile(r"^## (D\d+) (.+)\n\n(.*\n)\n((?:(?!^## ).*\n?)*)", re.MULTILINE)
CITED = re.compile(r"(?<![\w%/#-])D[1-9][0-9]{0,2}\b(?!-)")
LINK = re.compile(r"\]\(([\w./-]*)#(d[0-9]+-[^)\s]+)\)")


class Entry(NamedTuple):
    """A decision as its file has it."""

    file: str
    title: str
    date: str
    text: str


def entries() -> list[tuple[str, Entry]]:
    """Every decision, with its number."""
    files = sorted(path for path in FOLDER.glob("*.md") if path != INDEX)
    return [
        (number, Entry(path.name, title, date.strip(), text))
        for path in files
        for number, title, date, text in ENTRY.findall(path.read_text(encoding="utf-8"))
    ]


def rows() -> list[tuple[str, str, str, str, str]]:
    """The rows of the index: number, title and link (or a title alone), and the subject."""
    return ROW.findall(INDEX.read_text(encoding="utf-8"))


def anchor(heading: str) -> str:
    """What GitHub makes of a heading: lower case, without punctuation, with a hyphen for each space."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def documents() -> list[Path]:
    """Every text of the repository that may cite a decision; ruff's own rules in pyproject.toml have such names too."""
    found = [path for path in REPO_ROOT.iterdir() if path.is_file() and path.name != "pyproject.toml"]
    found += [path for folder in FOLDERS for path in (REPO_ROOT / folder).rglob("*") if path.is_file()]
    return sorted(path for path in found if path.suffix in SUFFIXES)


def test_a_number_is_given_once_and_the_index_has_all_of_them() -> None:
    numbers = [number for number, _ in entries()]
    listed = [row[0] for row in rows()]
    assert listed == sorted(set(listed), key=lambda number: int(number[1:]))
    assert len(numbers) == len(set(numbers))
    found = {
        number: (it.title, f"{it.file}#{anchor(f'{number} {it.title}')}", _subject(it)) for number, it in entries()
    }
    assert {row[0]: (row[1], row[2], row[4]) for row in rows() if row[2]} == found


def _subject(entry: Entry) -> str:
    """The heading of the file that has this decision."""
    return (FOLDER / entry.file).read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def test_a_decision_that_is_only_in_the_index_is_a_comment_in_the_code() -> None:
    for number, _, link, _, subject in rows():
        if not link:
            place = COMMENT.fullmatch(subject)
            assert place, number
            assert number in CITED.findall((FOLDER / place[1]).read_text(encoding="utf-8")), number


def test_a_decision_has_a_date_and_three_parts() -> None:
    wrong = [
        number
        for number, it in entries()
        if not re.fullmatch(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]", it.date)
        or re.findall(r"^\*\*(\w+)\.\*\* \S", it.text, re.MULTILINE) != ["Context", "Decision", "Consequence"]
    ]
    assert wrong == []


def test_a_cited_number_exists() -> None:
    known = {row[0] for row in rows()}
    missing = [
        f"{path.relative_to(REPO_ROOT)}: {number}"
        for path in documents()
        for line in path.read_text(encoding="utf-8").splitlines()
        if "noqa" not in line
        for number in CITED.findall(line)
        if number not in known
    ]
    assert missing == []


def test_a_link_to_a_decision_leads_to_its_heading() -> None:
    places = {((FOLDER / it.file).resolve(), anchor(f"{number} {it.title}")) for number, it in entries()}
    links = [
        (path, target, to)
        for path in documents()
        if path.suffix == ".md"
        for target, to in LINK.findall(path.read_text(encoding="utf-8"))
    ]
    assert links
    dead = [
        f"{path.relative_to(REPO_ROOT)}: {target}#{to}"
        for path, target, to in links
        if ((path.parent / target if target else path).resolve(), to) not in places
    ]
    assert dead == []


def test_the_plan_has_departures_and_no_decisions() -> None:
    text = (REPO_ROOT / "PLAN.md").read_text(encoding="utf-8")
    assert re.findall(r"^\*\*(D[0-9]+) ", text, re.MULTILINE) == []
    assert re.findall(r"^\*\*(P[0-9]+) ", text, re.MULTILINE)

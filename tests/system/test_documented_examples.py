"""Every example of the documents that calls the API works as printed, and answers the status that stands above it."""

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from heartguard_common.core.paths import REPO_ROOT
from tests import document_examples
from tests.clone import Clone

READMES = (REPO_ROOT / "README.md", REPO_ROOT / "README.es.md")
DOCUMENTS = document_examples.documents()
BEAT = '<entry key="bpm" type="number">72'
PRINTED = {"README.md": BEAT, "README.es.md": BEAT}
HEADING = re.compile(r"^## ", re.MULTILINE)


def test_the_readme_in_both_languages_has_examples():
    assert set(READMES) <= set(DOCUMENTS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(REPO_ROOT)))
def test_every_call_names_its_statuses(path):
    for statuses, code in document_examples.examples(path):
        assert len(statuses) == document_examples.calls(code), code


def test_the_readme_has_the_same_parts_and_commands_in_both_languages():
    english, spanish = (path.read_text(encoding="utf-8") for path in READMES)
    assert len(HEADING.findall(english)) == len(HEADING.findall(spanish))
    assert commands(english) == commands(spanish)


def commands(text: str) -> set[str]:
    """The commands of a document: tests in its tables and scripts of the root, without arguments in angle brackets."""
    return set(re.findall(r"`((?:\./|pytest |HEARTGUARD_|\.venv)[^`<]*)`", text))


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """A system that others use already, because a reader may run the demo first: the next organization is not 1."""
    clone = Clone.make(tmp_path_factory.mktemp("reader"))
    started = clone.start()
    assert started.returncode == 0, started.stdout + started.stderr
    other = {"email": "other@example.org", "password": "Secret123", "organization_name": "Another clinic"}
    assert clone.call("gateway", "POST", "/auth/register", other)[0] == 201
    yield clone
    clone.stop()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(REPO_ROOT)))
def test_the_examples_of_a_document_work_as_printed(used, tmp_path, path: Path):
    examples = document_examples.examples(path)
    code = [text for _, text in examples]
    token = dotenv_values(used.root / ".env")["OPERATOR_TOKEN"]
    done, statuses = document_examples.run(code, f"127.0.0.1:{used.ports['gateway']}", tmp_path, token)
    expected = [status for statuses, _ in examples for status in statuses]
    assert (done.returncode, statuses) == (0, expected), done.stdout + done.stderr
    assert PRINTED.get(path.name, "") in done.stdout

"""Every example of the documents that calls the API works as printed, and answers the status that stands above it."""

from pathlib import Path

import pytest
from dotenv import dotenv_values

from heartguard_common.core.paths import REPO_ROOT
from tests import document_examples
from tests.clone import Clone

DOCUMENTS = document_examples.documents()
PRINTED = {"README.md": '"series":', "README.es.md": "<email>ana.es@example.org</email>"}


def test_the_readme_in_both_languages_has_examples():
    assert {REPO_ROOT / "README.md", REPO_ROOT / "README.es.md"} <= set(DOCUMENTS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(REPO_ROOT)))
def test_every_call_names_its_statuses(path):
    for statuses, code in document_examples.examples(path):
        assert len(statuses) == document_examples.calls(code), code


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A system without any data, as the reader of a README has it: the first organization is 1."""
    clone = Clone.make(tmp_path_factory.mktemp("reader"))
    started = clone.start()
    assert started.returncode == 0, started.stdout + started.stderr
    yield clone
    clone.stop()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(REPO_ROOT)))
def test_the_examples_of_a_document_work_as_printed(fresh, tmp_path, path: Path):
    examples = document_examples.examples(path)
    code = [text for _, text in examples]
    if path.name == "README.es.md":  # the same person again, in the same system
        code = [text.replace("ana@example.org", "ana.es@example.org") for text in code]
    token = dotenv_values(fresh.root / ".env")["OPERATOR_TOKEN"]
    done, statuses = document_examples.run(code, f"127.0.0.1:{fresh.ports['gateway']}", tmp_path, token)
    expected = [status for statuses, _ in examples for status in statuses]
    assert (done.returncode, statuses) == (0, expected), done.stdout + done.stderr
    assert PRINTED.get(path.name, "") in done.stdout

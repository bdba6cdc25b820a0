"""The table of mutations fits the tree, so that `python -m tests.mutations` works."""

import collections

import pytest

from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.core.registry import SERVICES
from tests.mutations.__main__ import Mutation, load, numbers, planted


def test_the_text_of_each_mutation_occurs_once_and_the_result_compiles(subtests: pytest.Subtests) -> None:
    for mutation in load():
        with subtests.test(f"{mutation.service}-{mutation.number}"):
            sound = (REPO_ROOT / mutation.path).read_text(encoding="utf-8")
            assert sound.count(mutation.old) == 1
            assert mutation.new != mutation.old
            assert all((REPO_ROOT / path).exists() for path in mutation.first)
            if mutation.path.endswith(".py"):
                compile(sound.replace(mutation.old, mutation.new), mutation.path, "exec")


def test_every_service_has_mutations() -> None:
    shares = collections.Counter(mutation.service for mutation in load())
    assert set(shares) == {*SERVICES, "common", "cli"}
    assert min(shares.values()) >= 7


def test_a_mutated_file_is_restored(tmp_path) -> None:
    file = tmp_path / "services" / "x.py"
    file.parent.mkdir()
    file.write_text("a < b\n")
    with planted(Mutation(1, "", "x.py", "<", "<="), tmp_path):
        assert file.read_text() == "a <= b\n"
    assert file.read_text() == "a < b\n"


def test_numbers_and_ranges_of_mutations() -> None:
    assert numbers("3,17-19") == {3, 17, 18, 19}

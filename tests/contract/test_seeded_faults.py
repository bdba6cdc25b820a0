"""The table of seeded faults fits the tree, so that `python -m tests.seeded` says something."""

import collections

import pytest

from heartguard_common.paths import REPO_ROOT
from tests.seeded.__main__ import Fault, load, numbers, planted

SERVICES = {"auth", "organization", "user", "media", "influx", "audit", "gateway", "common", "cli"}


def test_what_a_fault_changes_is_there_once_and_stays_readable(subtests: pytest.Subtests) -> None:
    for fault in load():
        with subtests.test(f"{fault.service}-{fault.number}"):
            sound = (REPO_ROOT / fault.path).read_text(encoding="utf-8")
            assert sound.count(fault.old) == 1
            assert fault.new != fault.old
            assert all((REPO_ROOT / path).exists() for path in fault.first)
            if fault.path.endswith(".py"):
                compile(sound.replace(fault.old, fault.new), fault.path, "exec")


def test_every_service_has_its_share() -> None:
    shares = collections.Counter(fault.service for fault in load())
    assert set(shares) == SERVICES
    assert min(shares.values()) >= 7


def test_a_planted_fault_is_taken_out_again(tmp_path) -> None:
    file = tmp_path / "services" / "x.py"
    file.parent.mkdir()
    file.write_text("a < b\n")
    with planted(Fault(1, "", "x.py", "<", "<="), tmp_path):
        assert file.read_text() == "a <= b\n"
    assert file.read_text() == "a < b\n"


def test_numbers_and_ranges_of_faults() -> None:
    assert numbers("3,17-19") == {3, 17, 18, 19}

"""Every installed version is exact, known to constraints.txt, and comes from wherever pip is set up to look."""

import importlib.metadata
import re
from pathlib import Path

import pytest

from heartguard_common.paths import REPO_ROOT

FILES = sorted([*REPO_ROOT.glob("services/*/requirements.txt"), *REPO_ROOT.glob("requirements-*.txt")])
PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.]+)")


def pins(file: Path) -> dict[str, str]:
    lines = [line.strip() for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]
    wanted = [line for line in lines if not line.startswith(("-c ", "-r "))]
    found = [PIN.fullmatch(line) for line in wanted]
    assert all(found), f"{file}: {[line for line, match in zip(wanted, found, strict=True) if not match]}"
    return {re.sub(r"[-_.]+", "-", match[1]).lower(): match[2] for match in found if match}


def test_the_services_are_all_there() -> None:
    assert {"common", "cli", "gateway", "auth", "organization", "user", "media", "influx", "audit"} <= {
        file.parent.name for file in FILES
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(REPO_ROOT)))
def test_a_pin_equals_its_constraint(file: Path) -> None:
    constraints = pins(REPO_ROOT / "constraints.txt")
    for name, version in pins(file).items():
        assert constraints.get(name) == version, name


@pytest.mark.parametrize("file", [*FILES, REPO_ROOT / "constraints.txt"], ids=lambda file: file.name)
def test_no_index_is_named(file: Path) -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links|^-[if] ", file.read_text(), re.MULTILINE)


def test_nothing_is_constrained_that_nobody_installs() -> None:
    # heartpy is installed alone; async-timeout comes with redis on Python before 3.11.3
    alone = {"heartpy", "async-timeout"}
    wanted = {name for file in FILES for name in pins(file)} - alone
    known = set(pins(REPO_ROOT / "constraints.txt")) - alone
    reached: set[str] = set()
    while wanted - reached:
        name = (wanted - reached).pop()
        reached.add(name)
        required = importlib.metadata.requires(name) or []
        plain = [line for line in required if "extra ==" not in line]
        wanted |= {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", line)[0]).lower() for line in plain} & known
    assert known <= reached

"""Every installed version is exact and in constraints.txt, and its bytes are known, from whichever index they come."""

import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.core.registry import SERVICES

FILES = sorted(
    [
        *REPO_ROOT.glob("services/*/requirements.txt"),
        REPO_ROOT / "importers/requirements.txt",
        *REPO_ROOT.glob("requirements-*.txt"),
    ]
)
HASHED = [*FILES, REPO_ROOT / "bench/requirements.txt"]
PIN = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.]+)(?: ; [^;#]+?)?((?: --hash=sha256:[0-9a-f]{64})*)", re.ASCII
)
BROUGHT = "# Brought along by those"


def matches(file: Path, *, brought: bool = False) -> list[re.Match[str]]:
    """The pins of a file, of what is asked for by hand, or also of what that brings along."""
    text = file.read_text() if brought else file.read_text().partition(BROUGHT)[0]
    lines = re.sub(r" *\\\n *", " ", text).splitlines()
    wanted = [line for line in lines if line and not line.startswith(("#", "-c ", "-r "))]
    found = [PIN.fullmatch(line) for line in wanted]
    assert all(found), f"{file}: {[line for line, match in zip(wanted, found, strict=True) if not match]}"
    return [match for match in found if match]


def pins(file: Path, *, brought: bool = False) -> dict[str, str]:
    """The versions by normalized name."""
    return {re.sub(r"[-_.]+", "-", it[1]).lower(): it[2] for it in matches(file, brought=brought)}


def test_the_services_are_all_there() -> None:
    assert {"common", "cli", *SERVICES} <= {file.parent.name for file in FILES}


def test_a_pin_equals_its_constraint(subtests: pytest.Subtests) -> None:
    for file in FILES:
        with subtests.test(file.parent.name):
            constraints = pins(REPO_ROOT / "constraints.txt")
            for name, version in pins(file, brought=True).items():
                assert constraints.get(name) == version, name


def test_every_pin_has_its_hashes(subtests: pytest.Subtests) -> None:
    """One pin with a hash makes pip demand them of all; `python services/cli/pin.py` writes them."""
    for file in HASHED:
        with subtests.test(file.parent.name):
            assert [it[1] for it in matches(file, brought=True) if not it[3]] == []


def test_a_pin_for_newer_pythons_has_one_for_older_ones(subtests: pytest.Subtests) -> None:
    for file in HASHED:
        with subtests.test(file.parent.name):
            names = re.compile(r"(?m)^([A-Za-z0-9._-]+)==\S+ ; python_full_version (>=|<) '(3\.1[2-9])")
            found = set(names.findall(file.read_text()))
            assert {(name, version) for name, sign, version in found if sign == ">="} <= {
                (name, version) for name, sign, version in found if sign == "<"
            }


def required_by(waiting: set[str]) -> set[str]:
    """The packages and all that they require on this machine."""
    reached: set[str] = set()
    while waiting - reached:
        name = (waiting - reached).pop()
        reached.add(name)
        required = [Requirement(line) for line in importlib.metadata.requires(name) or ()]
        asked = [it for it in required if it.marker is None or it.marker.evaluate({"extra": ""})]
        waiting |= {re.sub(r"[-_.]+", "-", it.name).lower() for it in asked}
    return reached


@pytest.mark.parametrize("name", ["common", "cli", "gateway", "auth", "media", "influx", "audit"])
def test_transitive_requirements_of_a_service_are_pinned(name: str) -> None:
    """As far as it is installed on this machine: pip --require-hashes takes nothing that no line names."""
    file = REPO_ROOT / "services" / name / "requirements.txt"
    listed = pins(file, brought=True) | pins(REPO_ROOT / "services/common/requirements.txt", brought=True)
    assert required_by(set(pins(file))) - set(listed) == set()


@pytest.mark.parametrize("name", ["gcs", "influxdb", "tracing"])
def test_transitive_requirements_of_an_option_are_pinned(name: str) -> None:
    """Those of the services are installed with them."""
    file = REPO_ROOT / f"requirements-{name}.txt"
    assert required_by(set(pins(file))) - set(pins(file, brought=True)) == set()


ABSENT = """
import importlib.abc, importlib.util, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in ("google", "influxdb_client"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "influxdb_client" else found(name, *more)
from heartguard_common.core.settings import SettingsError
import heartguard_influx.wiring, heartguard_media.wiring
from heartguard_media.store.gcs import open_bucket
bucket = lambda: open_bucket("b", None, "http://127.0.0.1:1")
for act in (bucket, lambda: importlib.import_module("heartguard_influx.store.influxdb")):
    try:
        act()
    except SettingsError as error:
        print(str(error).split()[-1])
"""


def test_a_store_that_is_not_installed_is_named_and_the_others_need_it_not() -> None:
    """As in an environment that ./start_services.sh made without the settings of those stores."""
    paths = os.pathsep.join(str(REPO_ROOT / "services" / name / "src") for name in ("common", "influx", "media"))
    done = subprocess.run(
        [sys.executable, "-c", ABSENT], env={"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["requirements-gcs.txt", "requirements-influxdb.txt"], done.stderr


def test_no_index_is_named(subtests: pytest.Subtests) -> None:
    for file in [*HASHED, REPO_ROOT / "constraints.txt"]:
        with subtests.test(file.parent.name):
            assert not re.search(r"://|--(extra-)?index-url|--find-links|^-[if] ", file.read_text(), re.MULTILINE)


def test_every_constraint_is_required() -> None:
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

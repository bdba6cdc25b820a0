"""What runs in production is pinned exactly and comes under a licence that asks nothing of those who use it."""

import importlib.metadata
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from heartguard_common.core.paths import REPO_ROOT
from tests.unit.cli.test_requirements import pins

FILES = [
    *sorted(REPO_ROOT.glob("services/*/requirements.txt")),
    REPO_ROOT / "importers/requirements.txt",
    *(REPO_ROOT / f"requirements-{name}.txt" for name in ("gcs", "influxdb", "parquet", "tracing")),
]
# SPDX names and the trove classifiers of the same: permissive, and weak copyleft for libraries that are only linked.
PERMISSIVE = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Zlib|MPL|Mozilla|LGPL|Lesser|HPND|ZPL|Zope|0BSD)",
    re.IGNORECASE,
)
STRONG = re.compile(r"(?<![L])(AGPL|\bGPL|Affero|(?<!Lesser )General Public License)", re.IGNORECASE)


def installed(names: set[str]) -> set[str]:
    """The packages and all that they require on this machine, by their normalized names."""
    found: set[str] = set()
    waiting = set(names)
    while waiting - found:
        name = (waiting - found).pop()
        found.add(name)
        for line in importlib.metadata.requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.add(re.sub(r"[-_.]+", "-", requirement.name).lower())
    return found


def licence(name: str) -> str:
    """What a package says of its licence: the expression, else its classifiers, else the first line of its text."""
    metadata = importlib.metadata.metadata(name)
    classified = [line for line in metadata.get_all("Classifier") or () if line.startswith("License ::")]
    said = metadata.get("License-Expression") or "; ".join(classified) or (metadata.get("License") or "").split("\n")[0]
    return said or _first_line(name)


def _first_line(name: str) -> str:
    """The first line of the file LICENSE that a package brings along."""
    found = [it for it in importlib.metadata.files(name) or () if it.name == "LICENSE"]
    return found[0].read_text().split("\n")[0] if found else ""


RUNNING = sorted(installed({name for file in FILES for name in pins(file)}))


def strong(text: str) -> bool:
    """Whether no choice that the licence leaves is without strong copyleft."""
    return all(STRONG.search(choice) and "lesser" not in choice.lower() for choice in re.split(r"\bOR\b|;", text))


def test_every_installed_package_is_permissively_licensed_and_pinned(subtests: pytest.Subtests) -> None:
    for name in RUNNING:
        with subtests.test(name):
            text = licence(name)
            assert PERMISSIVE.search(text), (name, text)
            assert not strong(text), (name, text)
            assert pins(REPO_ROOT / "constraints.txt").get(name) == importlib.metadata.version(name), name


def test_a_strong_copyleft_licence_is_found() -> None:
    for text in (
        "GPL-3.0-or-later",
        "AGPL-3.0",
        "License :: OSI Approved :: GNU General Public License v3 (GPLv3)",
        "GPLv2",
    ):
        assert strong(text)
    for text in (
        "MIT OR GPL-2.0",
        "LGPL-3.0",
        "License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)",
        "MIT",
    ):
        assert not strong(text)


def test_the_checked_packages_include_the_known_ones() -> None:
    assert {"flask", "lxml", "cryptography", "gunicorn"} <= set(RUNNING)
    assert Path(REPO_ROOT / "LICENSE").read_text().lstrip().startswith("Apache License")

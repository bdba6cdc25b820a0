"""Installed tools, and clients that they have generated; nothing of it without HEARTGUARD_TEST_GENERATORS=1."""

import os
from pathlib import Path

import pytest

from tests.clients import tools

WANTED = "HEARTGUARD_TEST_GENERATORS"


@pytest.fixture(scope="session", autouse=True)
def wanted() -> None:
    """Skip every test here unless the environment asks for them: they install programs from the registries."""
    if os.environ.get(WANTED) != "1":
        pytest.skip(f"{WANTED}=1 installs the generators and runs them (minutes)")


@pytest.fixture(scope="session")
def node(wanted: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the tools of npm in `node_modules`."""
    return tools.install_node(tmp_path_factory.mktemp("node"))


@pytest.fixture(scope="session")
def python_tools(wanted: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs that pip has installed."""
    return tools.install_python(tmp_path_factory.mktemp("python"))


@pytest.fixture(scope="session")
def openapi_generator(wanted: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The jar of openapi-generator."""
    return tools.install_jar(tmp_path_factory.mktemp("generator"), *tools.GENERATOR)


@pytest.fixture(scope="session")
def telegraf(wanted: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program Telegraf."""
    return tools.install_telegraf(tmp_path_factory.mktemp("telegraf"))


@pytest.fixture(scope="session")
def jaxb(wanted: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the jars of JAXB and its compiler of schemas."""
    return tools.install_jars(tmp_path_factory.mktemp("jaxb"), *tools.JAXB)


@pytest.fixture(scope="session")
def kotlin(wanted: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the jars of Kotlin's compiler and of what a generated client needs."""
    return tools.install_jars(tmp_path_factory.mktemp("kotlin"), *tools.KOTLIN)

"""Fixtures every test may use: real servers, and a clean database or Redis for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gcs import FakeGcs
from tests.running import plan_founder, running_system
from tests.servers import Database, Postgres, Valkey

__all__ = ["plan_founder", "running_system"]

LONGEST = Path(__file__).parent / "system"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, so that no process is left alone with one of them at the end."""
    items.sort(key=lambda item: not item.path.is_relative_to(LONGEST))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A cluster for the whole session; it does not fsync, so no test of durability may use it."""
    server = Postgres(tmp_path_factory.mktemp("pg"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def database(postgres_server: Postgres) -> Iterator[Database]:
    """A fresh migrated database: `.owner_url`, `.url_for("auth")`."""
    with postgres_server.database() as fresh:
        yield fresh


@pytest.fixture(scope="module")
def module_database(postgres_server: Postgres) -> Iterator[Database]:
    """As `database`, shared by the tests of one file."""
    with postgres_server.database() as fresh:
        yield fresh


@pytest.fixture
def empty_database(postgres_server: Postgres) -> Iterator[Database]:
    """A database that no migration has touched."""
    with postgres_server.empty_database() as fresh:
        yield fresh


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Valkey for the whole session. Don't stop it: `valkey_server` is for that."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """The URL of an empty Redis."""
    client = valkey.client()
    client.flushall()
    client.close()
    return valkey.url


@pytest.fixture
def valkey_server(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey of this test alone, to be stopped, killed or frozen; it fsyncs every write."""
    server = Valkey(tmp_path, fsync="always")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A cluster of this test alone, to be killed or frozen; it fsyncs as in production."""
    server = Postgres(tmp_path, settings=("shared_buffers=32MB", "max_connections=150"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGcs]:
    """A fake-gcs-server for the whole session, with an empty bucket; who writes there cleans up."""
    server = FakeGcs(tmp_path_factory.mktemp("gcs"))
    try:
        server.start()
        yield server
    finally:
        server.stop()

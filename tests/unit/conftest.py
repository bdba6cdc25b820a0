"""Nothing here starts a server: what needs one belongs to tests/store or tests/service."""

from pathlib import Path

import pytest

SERVERS = {"postgres_server", "own_postgres", "valkey", "valkey_server", "gcs", "running_system"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test of this directory that asks for a server."""
    for item in items:
        asked = SERVERS & set(getattr(item, "fixturenames", ()))
        if asked and item.path.is_relative_to(Path(__file__).parent):
            raise pytest.UsageError(f"{item.nodeid} starts a server: {', '.join(sorted(asked))}")

"""One running stack for all tests of protection."""

from collections.abc import Iterator

import pytest

from heartguard_common.core.registry import SERVICES
from tests.protection.callers import World
from tests.protection.stack import ProtectedStack, running_stack
from tests.running import RunningSystem
from tests.servers import Postgres, Valkey


@pytest.fixture(scope="package")
def protected_stack(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtectedStack]:
    """Gateway and six services, started once for the directory, over a Valkey of its own, which one file of tests
    flushes and freezes for a moment.

    `protected_stack.entry_points[name].ask(method, path, headers, body)` asks the gateway or a service directly;
    `found("name")` makes an organization with its admin, `join(admin, "manager", "name")` a member. Both are
    logged in: `.bearer`, `.access_token`, `.user_id`, `.org_id`.
    """
    directory = tmp_path_factory.mktemp("protection")
    valkey = Valkey(tmp_path_factory.mktemp("protection-valkey"))
    try:
        valkey.start()
        with postgres_server.database() as database, running_stack(database, valkey, directory) as stack:
            yield stack
    finally:
        valkey.stop()


@pytest.fixture(scope="session")
def world(running_system: RunningSystem) -> World:
    """Two organizations in the system that `start_services.sh` has started, audit consumer and all."""
    ports = running_system.clone.ports
    urls = {name: f"http://127.0.0.1:{ports[name]}" for name in SERVICES}
    return World(urls, running_system.operator, running_system.service("user"))

"""One gateway and one service for the tests of a file, over the session's Valkey."""

from collections.abc import Iterator

import pytest

from tests.servers import Valkey
from tests.service.gateway.stack import Backend, GunicornProcess, environ, vouching
from tests.tokens import mark_ready


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend().running() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(backend: Backend, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornProcess]:
    """Two workers, a rate that no test reaches by accident."""
    directory = tmp_path_factory.mktemp("gateway")
    mark_ready(valkey.url)
    with vouching(backend).running() as auth:
        more = {"RATE_LIMIT": "100000/min", "AUTH_URL": auth.url}
        settings = environ(valkey.url, backend.url, directory / "spool", **more)
        with GunicornProcess(settings, directory / "log").running() as running:
            yield running

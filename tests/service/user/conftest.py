"""The user service on a real PostgreSQL and Valkey."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_user.settings import Settings
from heartguard_user.wiring import create_app
from tests.servers import Database
from tests.tokens import settings_environ


@pytest.fixture
def app(database: Database, redis_url: str) -> Iterator[Flask]:
    app = create_app(Settings.from_env(settings_environ("user", database, redis_url)))
    yield app
    app.extensions[LIFECYCLE].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()

"""Auth as a whole: its Flask application on a real PostgreSQL and Valkey."""

import pytest
from heartguard_auth.settings import Settings
from heartguard_auth.wiring import create_app

from tests.tokens import settings_environ


@pytest.fixture
def environ(database, redis_url, tmp_path):
    made = settings_environ("auth", database, redis_url)
    return {**made, "JWT_SECRET": "", "KEY_RING_SECRET": "ring-0123456789-abcdefghijklmnopqrstuvwxyz", "SPOOL_DIR": str(tmp_path)}


@pytest.fixture
def client(environ):
    return create_app(Settings.from_env(environ)).test_client()

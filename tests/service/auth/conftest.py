"""Auth as a whole: its Flask application on a real PostgreSQL and Valkey."""

import pytest

from heartguard_auth.settings import Settings
from heartguard_auth.wiring import create_app
from heartguard_common.core.lifecycle import LIFECYCLE
from tests.audit_events import recorded_events
from tests.clocks import MovableClock
from tests.people import LIGHT
from tests.tokens import settings_environ


@pytest.fixture
def environ(database, redis_url, tmp_path):
    return settings_environ("auth", database, redis_url, JWT_SECRET="", SPOOL_DIR=str(tmp_path))


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def start(environ, clock):
    """Start auth, with some variables changed; closed at the end, so that no thread outlives the database."""
    started = []

    def make(hasher=LIGHT, **more):
        app = create_app(Settings.from_env({**environ, **more}), clock, hasher)
        started.append(app.extensions[LIFECYCLE])
        return app.test_client()

    yield make
    for lifecycle in started:
        lifecycle.close()


@pytest.fixture
def client(start):
    return start()


@pytest.fixture
def founder(client):
    """The admin of organization 1, logged in."""
    return sign_up(client, "user@hg.io")


@pytest.fixture
def events(database, redis_url):
    """A function that gives what was said to the audit trail so far, oldest first."""
    return lambda: recorded_events(database, redis_url)


def sign_up(client, email, password="Secret123", **more):
    made = client.post("/auth/register", json={"email": email, "password": password, **more})
    assert made.status_code == 201, made.data
    return {**made.json, **log_in(client, email, password).json}


def log_in(client, email, password="Secret123"):
    return client.post("/auth/login", json={"email": email, "password": password})


def with_token(tokens):
    return {"Authorization": f"Bearer {tokens['access_token']}"}

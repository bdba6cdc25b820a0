"""The time-series service on a real PostgreSQL and Valkey."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_influx.settings import Settings
from heartguard_influx.wiring import create_app
from tests.clocks import MovableClock
from tests.people import enroll, found, join
from tests.servers import Database
from tests.tokens import bearer, settings_environ


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def app(database: Database, redis_url: str, clock: MovableClock) -> Iterator[Flask]:
    app = create_app(Settings.from_env(settings_environ("influx", database, redis_url)), clock)
    yield app
    app.extensions[LIFECYCLE].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def org(database: Database) -> int:
    """The organization of most callers; its bucket is org_<id>. Its members are an admin, 1, and 7, of role user."""
    made = found(database)
    enroll(database, made, 1, "admin")
    enroll(database, made, 7)
    return made


def admin_of(database: Database, org: int) -> dict[str, str]:
    """The header of a new admin of an organization."""
    return bearer(join(database, org, "admin"), "admin", org)


@pytest.fixture
def admin(org: int) -> dict[str, str]:
    return bearer(1, "admin", org)


@pytest.fixture
def member(org: int) -> dict[str, str]:
    """Member 7, of role user."""
    return bearer(7, "user", org)


@pytest.fixture
def write(client: FlaskClient, org: int, admin: dict[str, str]) -> Callable[..., Any]:
    """Write points as admin (or `headers=`) into the organization's bucket; returns the answer."""

    def write(*points: dict[str, Any], query: str = "", **more: Any) -> Any:
        headers = more.pop("headers", admin)
        body = {"bucket": f"org_{org}", "points": list(points), **more}
        return client.post(f"/timeseries/write{query}", json=body, headers=headers)

    return write


@pytest.fixture
def query(client: FlaskClient, org: int, admin: dict[str, str]) -> Callable[..., Any]:
    """Query heart_rate on 1 June 2024 as admin, with members of the request changed; returns the answer."""

    def query(**members: Any) -> Any:
        headers = members.pop("headers", admin)
        body = {
            "bucket": f"org_{org}",
            "measurement": "heart_rate",
            "range_start": "2024-06-01T00:00:00Z",
            "range_stop": "2024-06-02T00:00:00Z",
            **members,
        }
        return client.post("/timeseries/query", json=body, headers=headers)

    return query


def beat(second: float, bpm: float | str | bool = 72, **tags: str) -> dict[str, Any]:
    """A heart rate so many seconds after 10 o'clock on 1 June 2024."""
    minute, rest = divmod(second, 60)
    fraction = f"{rest:09.6f}".rstrip("0").rstrip(".")
    time = f"2024-06-01T10:{int(minute):02d}:{fraction}Z"
    return {"measurement": "heart_rate", "tags": tags, "fields": {"bpm": bpm}, "timestamp": time}

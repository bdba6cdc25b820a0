"""The alarm service on a real PostgreSQL and Valkey."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heartguard_alarm.settings import Settings
from heartguard_alarm.wiring import create_app
from heartguard_common.core.lifecycle import LIFECYCLE
from tests.clocks import MovableClock
from tests.mail import Mailbox, mailbox
from tests.people import found, join
from tests.running_services import RunningServices, running_services
from tests.servers import Database
from tests.tokens import bearer, settings_environ

from .notified import Notified

Auth = dict[str, dict[str, str]]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def app(database: Database, redis_url: str, clock: MovableClock) -> Iterator[Flask]:
    app = create_app(Settings.from_env(settings_environ("alarm", database, redis_url)), clock)
    yield app
    app.extensions[LIFECYCLE].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def org(database: Database) -> int:
    return found(database)


@pytest.fixture
def auth(database: Database, org: int) -> Auth:
    """The Authorization header of a member of each role."""
    return {role: bearer(join(database, org, role), role, org) for role in ("admin", "manager", "user")}


@pytest.fixture
def inbox() -> Iterator[Mailbox]:
    with mailbox() as found:
        yield found


@pytest.fixture
def mail_stack(database: Database, redis_url: str, inbox: Mailbox) -> Iterator[RunningServices]:
    with running_services(database, redis_url, "auth", "influx", "alarm", SMTP_URL=inbox.url()) as running:
        yield running


@pytest.fixture
def notified(mail_stack: RunningServices, database: Database) -> Notified:
    return Notified(mail_stack, database)

"""Media on a real PostgreSQL, Valkey and directory, with two organizations."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_media.settings import Settings
from heartguard_media.wiring import create_app
from tests.clocks import MovableClock
from tests.people import found, join
from tests.tokens import bearer, settings_environ

PNG = bytes.fromhex("89504e470d0a1a0a") + bytes(range(256))


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def environ(database, redis_url, tmp_path):
    return settings_environ("media", database, redis_url, MEDIA_DIR=str(tmp_path / "media"), MAX_UPLOAD_MB="1")


@pytest.fixture
def app(environ, clock) -> Iterator[Flask]:
    app = create_app(Settings.from_env(environ), clock)
    yield app
    app.extensions[LIFECYCLE].close()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def people(database):
    """Bearer headers: admin, manager, user and other user of one organization, and the admin of another."""
    org, other = found(database), found(database, "Other")
    ids = {name: join(database, org, role) for name, role in ROLES.items()}
    headers = {name: bearer(ids[name], role, org) for name, role in ROLES.items()}
    stranger = bearer(join(database, other, "admin"), "admin", other)
    return SimpleNamespace(**headers, stranger=stranger, ids=ids, org=org, other=other)


ROLES = {"admin": "admin", "manager": "manager", "user": "user", "peer": "user"}


def put(client, who, content=PNG, name="beat.png", content_type="image/png"):
    headers = {**who, "Content-Type": content_type}
    return client.put("/media/upload", query_string={"file_name": name}, data=content, headers=headers)


def objects(environ):
    """The files of the directory, whatever their names."""
    return [path for path in Path(environ["MEDIA_DIR"]).rglob("*") if path.is_file()]


def content_of(client, who, item_id, **how):
    """The answer behind an item's signed URL, read to its end."""
    url = client.get(f"/media/items/{item_id}/download", headers=who).json["url"]
    return client.get(local(url), buffered=True, **how)


def local(url):
    """A signed URL as the test client takes it."""
    return url.removeprefix("http://heartguard.test")

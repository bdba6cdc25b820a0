"""The gateway in front of the real auth service: tokens it has never seen, and tokens that no longer count."""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.servers import Database, Valkey, until
from tests.service.gateway.house import Answer, Gateway, environ
from tests.tokens import settings_environ

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def auth(module_database: Database, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Auth signs with its own key ring, so everybody else must fetch the public keys."""
    with valkey.client() as client:
        client.flushall()
    settings = settings_environ("auth", module_database, valkey.url, JWT_SECRET="")
    log = tmp_path_factory.mktemp("auth") / "log"
    with Gateway(settings, log, workers=1, service="auth").running() as running:
        yield running


@pytest.fixture(scope="module")
def house(auth: Gateway, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("real")
    url = f"http://127.0.0.1:{auth.port}"
    more = {"JWT_SECRET": "", "RATE_LIMIT": "9999/s", "AUTH_URL": url}
    with Gateway(environ(valkey.url, url, directory / "spool", **more), directory / "log").running() as running:
        yield running


def send(house: Gateway, path: str, document: dict[str, str], **headers: str) -> Answer:
    return house.ask("POST", path, {**JSON, **headers}, json.dumps(document).encode())


def person(house: Gateway, name: str) -> dict[str, str]:
    credentials = {"email": f"{name}@example.com", "password": "Secret123"}
    assert send(house, "/auth/register", credentials).status == 201
    return {"Authorization": "Bearer " + send(house, "/auth/login", credentials).json["access_token"]}


def test_a_token_of_auths_key_ring_is_verified_here(house: Gateway) -> None:
    me = person(house, "ring")
    answer = house.ask("GET", "/auth/profile", me)
    assert (answer.status, answer.json["email"]) == (200, "ring@example.com")
    xml = house.ask("GET", "/auth/profile", {**me, "Accept": "application/xml"})
    assert b"<email>ring@example.com</email>" in xml.body


def test_a_logout_counts_at_once_at_the_gateway(house: Gateway) -> None:
    me = person(house, "leaving")
    assert house.ask("GET", "/auth/profile", me).status == 200
    assert house.ask("POST", "/auth/logout", me).status == 204
    answer = house.ask("GET", "/gateway/services", me)  # the gateway's own route: no service is asked
    assert (answer.status, answer.code) == (401, "GEN_401_TOKEN")


def test_an_empty_redis_brings_no_token_back_to_life(house: Gateway, valkey: Valkey) -> None:
    gone, stays = person(house, "gone"), person(house, "stays")
    house.ask("POST", "/auth/logout", gone)
    with valkey.client() as client:
        client.flushall()
        assert house.ask("GET", "/gateway/services", gone).status == 401
        assert house.ask("GET", "/auth/profile", stays).status == 200
        until(lambda: client.exists("hg:rev:ready") == 1, "auth filling the copy again")
    assert house.ask("GET", "/gateway/services", gone).status == 401
    assert house.ask("GET", "/auth/profile", stays).status == 200


def test_a_member_is_added_with_a_token_and_not_with_a_bad_one(house: Gateway) -> None:
    admin = person(house, "founder")
    member = {"email": "member@example.com", "password": "Secret123", "role": "user"}
    assert send(house, "/auth/register", member, Authorization="Bearer a.b.c").status == 401
    assert send(house, "/auth/register", member, **admin).status == 201


def test_a_service_knows_the_keys_before_its_first_token_and_while_auth_hangs(
    house: Gateway, auth: Gateway, module_database: Database, valkey: Valkey, tmp_path: Path
) -> None:
    """It answered 503 to valid tokens when auth had more to do than it could."""

    def fetched() -> int:
        return sum(line.get("route") == "auth.jwks" for line in auth.lines())

    admin, before = person(house, "early"), fetched()
    more = {"JWT_SECRET": "", "AUTH_URL": f"http://127.0.0.1:{auth.port}"}
    settings = settings_environ("organization", module_database, valkey.url, **more)
    with Gateway(settings, tmp_path / "log", workers=1, service="organization").running() as organization:
        until(lambda: fetched() > before, "the first look at the keys")
        assert auth.process is not None
        worker = psutil.Process(auth.process.pid).children()[0]
        worker.suspend()
        try:
            assert organization.ask("GET", "/organization", admin).status == 200
        finally:
            worker.resume()

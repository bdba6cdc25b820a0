"""The gateway in front of the real auth service: tokens it has never seen, and tokens that no longer count."""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.servers import Database, Valkey, until
from tests.service.gateway.stack import Answer, GunicornProcess, environ
from tests.tokens import settings_environ

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def auth(
    module_database: Database, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GunicornProcess]:
    """Auth signs with its own key ring, so all other services must fetch the public keys."""
    with valkey.client() as client:
        client.flushall()
    settings = settings_environ("auth", module_database, valkey.url, JWT_SECRET="")
    log = tmp_path_factory.mktemp("auth") / "log"
    with GunicornProcess(settings, log, workers=1, service="auth").running() as running:
        yield running


@pytest.fixture(scope="module")
def stack(auth: GunicornProcess, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornProcess]:
    directory = tmp_path_factory.mktemp("real")
    url = f"http://127.0.0.1:{auth.port}"
    more = {"JWT_SECRET": "", "RATE_LIMIT": "9999/s", "AUTH_URL": url}
    with GunicornProcess(environ(valkey.url, url, directory / "spool", **more), directory / "log").running() as running:
        yield running


def send(stack: GunicornProcess, path: str, document: dict[str, str], **headers: str) -> Answer:
    return stack.ask("POST", path, {**JSON, **headers}, json.dumps(document).encode())


def person(stack: GunicornProcess, name: str) -> dict[str, str]:
    credentials = {"email": f"{name}@example.com", "password": "Secret123"}
    assert send(stack, "/auth/register", credentials).status == 201
    return {"Authorization": "Bearer " + send(stack, "/auth/login", credentials).json["access_token"]}


def test_a_token_of_auths_key_ring_is_verified_here(stack: GunicornProcess) -> None:
    me = person(stack, "ring")
    answer = stack.ask("GET", "/auth/profile", me)
    assert (answer.status, answer.json["email"]) == (200, "ring@example.com")
    xml = stack.ask("GET", "/auth/profile", {**me, "Accept": "application/xml"})
    assert b"<email>ring@example.com</email>" in xml.body


def test_a_logout_counts_at_once_at_the_gateway(stack: GunicornProcess) -> None:
    me = person(stack, "leaving")
    assert stack.ask("GET", "/auth/profile", me).status == 200
    assert stack.ask("POST", "/auth/logout", me).status == 204
    answer = stack.ask("GET", "/gateway/services", me)  # the gateway's own route: no service is asked
    assert (answer.status, answer.code) == (401, "GEN_401_TOKEN")


def test_an_empty_redis_brings_no_token_back_to_life(stack: GunicornProcess, valkey: Valkey) -> None:
    gone, stays = person(stack, "gone"), person(stack, "stays")
    stack.ask("POST", "/auth/logout", gone)
    with valkey.client() as client:
        client.flushall()
        assert stack.ask("GET", "/gateway/services", gone).status == 401
        assert stack.ask("GET", "/auth/profile", stays).status == 200
        until(lambda: client.exists("hg:rev:ready") == 1, "auth filling the copy again")
    assert stack.ask("GET", "/gateway/services", gone).status == 401
    assert stack.ask("GET", "/auth/profile", stays).status == 200


def test_a_member_is_added_with_a_token_and_not_with_a_bad_one(stack: GunicornProcess) -> None:
    admin = person(stack, "founder")
    member = {"email": "member@example.com", "password": "Secret123", "role": "user"}
    assert send(stack, "/auth/register", member, Authorization="Bearer a.b.c").status == 401
    assert send(stack, "/auth/register", member, **admin).status == 201


def test_a_service_knows_the_keys_before_its_first_token_and_while_auth_hangs(
    stack: GunicornProcess, auth: GunicornProcess, module_database: Database, valkey: Valkey, tmp_path: Path
) -> None:
    """It answered 503 to valid tokens when auth had more to do than it could."""

    def fetched() -> int:
        return sum(line.get("route") == "auth.jwks" for line in auth.lines())

    admin, before = person(stack, "early"), fetched()
    more = {"JWT_SECRET": "", "AUTH_URL": f"http://127.0.0.1:{auth.port}"}
    settings = settings_environ("organization", module_database, valkey.url, **more)
    with GunicornProcess(settings, tmp_path / "log", workers=1, service="organization").running() as organization:
        until(lambda: fetched() > before, "the first look at the keys")
        assert auth.process is not None
        worker = psutil.Process(auth.process.pid).children()[0]
        worker.suspend()
        try:
            assert organization.ask("GET", "/organization", admin).status == 200
        finally:
            worker.resume()

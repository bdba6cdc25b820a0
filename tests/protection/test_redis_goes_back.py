"""A Redis that went back to an older state, or takes no more, revives no token: at the gateway and at a service."""

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from heartguard_common.identity.revocation import READY, Mark
from tests.servers import Database, Valkey, children, free_port, until
from tests.service.gateway.stack import Answer, GunicornProcess, environ
from tests.tokens import settings_environ

JSON = {"Content-Type": "application/json"}
# The gateway's own route is the operator's: a token that counts is forbidden there, without asking any service.
COUNTS, REFUSED = {"gateway": 403, "user": 200}, {"gateway": 401, "user": 401}
PATHS = {"gateway": "/gateway/services", "user": "/users/me"}


@dataclass
class Stack:
    entry_points: dict[str, GunicornProcess]
    valkey: Valkey

    def person(self, name: str) -> dict[str, str]:
        who = {"email": f"{name}@example.com", "password": "Secret123"}
        assert self.post("/auth/register", who).status == 201
        return {"Authorization": f"Bearer {self.post('/auth/login', who).json['access_token']}"}

    def post(self, path: str, document: dict[str, str]) -> Answer:
        return self.entry_points["gateway"].ask("POST", path, JSON, json.dumps(document).encode())

    def statuses(self, person: dict[str, str]) -> dict[str, int]:
        return {name: self.entry_points[name].ask("GET", path, person).status for name, path in PATHS.items()}

    def epoch(self) -> int:
        with self.valkey.client() as client:
            mark = Mark.parse(client.get(READY))
        return mark.epoch if mark else 0


@pytest.fixture(scope="module")
def stack(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The gateway, auth and user, over a Redis as distributions install it: snapshots and no append-only file."""
    directory: Path = tmp_path_factory.mktemp("goes-back")
    valkey = Valkey(directory)
    conf = directory / "valkey" / "valkey.conf"
    conf.write_text(conf.read_text().replace("appendonly yes", "appendonly no"))
    valkey.start()
    ports = {name: free_port() for name in ("auth", "user", "gateway")}
    urls = {f"{name.upper()}_URL": f"http://127.0.0.1:{port}" for name, port in ports.items()}
    more = {**urls, "JWT_SECRET": "", "RATE_LIMIT": "9999/s"}
    services = {
        name: GunicornProcess(
            settings_environ(name, module_database, valkey.url, **more),
            directory / f"{name}.log",
            workers=1,
            service=name,
            port=ports[name],
        )
        for name in ("auth", "user")
    }
    front = GunicornProcess(
        environ(valkey.url, urls["AUTH_URL"], directory / "spool", **more),
        directory / "gateway.log",
        workers=1,
        port=ports["gateway"],
    )
    with services["auth"].running(), services["user"].running(), front.running():
        yield Stack({**services, "gateway": front}, valkey)
    valkey.stop()


def test_a_snapshot_that_comes_back_revives_no_token(stack: Stack) -> None:
    gone, stays = stack.person("gone"), stack.person("stays")
    with stack.valkey.client() as client:
        client.save()
    saved = stack.epoch()
    until(lambda: stack.epoch() > saved, "a newer mark")
    assert stack.statuses(gone) == COUNTS
    assert stack.entry_points["gateway"].ask("POST", "/auth/logout", gone).status == 204
    stack.valkey.kill()
    stack.valkey.start()
    with stack.valkey.client() as client:
        assert client.dbsize() > 0, "the snapshot was not read"
    ends = time.monotonic() + 2
    while time.monotonic() < ends:
        assert stack.statuses(gone) == REFUSED
    until(lambda: stack.epoch() > saved, "the mark being renewed")
    assert stack.statuses(gone) == REFUSED
    assert stack.statuses(stays) == COUNTS


def test_a_full_redis_revives_no_token(stack: Stack) -> None:
    gone, stays = stack.person("full"), stack.person("remains")
    assert stack.statuses(gone) == COUNTS
    with stack.valkey.client() as client:
        client.config_set("maxmemory", 1)
        try:
            assert stack.entry_points["auth"].ask("POST", "/auth/logout", gone).status == 204
            assert stack.statuses(gone) == REFUSED
            assert stack.statuses(stays) == COUNTS
        finally:
            client.config_set("maxmemory", 0)
    until(lambda: stack.epoch() > 0, "the mark being renewed")
    assert stack.statuses(gone) == REFUSED


def test_a_hanging_auth_service_blocks_no_other(stack: Stack) -> None:
    stays = stack.person("patient")
    assert stack.statuses(stays) == COUNTS
    auth = stack.entry_points["auth"].process
    assert auth is not None
    family = (auth.pid, *children(auth.pid))
    send(family, signal.SIGSTOP)
    try:
        with stack.valkey.client() as client:
            client.delete(READY)  # as if the last one had expired
        until(lambda: stack.epoch() > 0, "the mark, by another service")
        assert stack.statuses(stays) == COUNTS
    finally:
        send(family, signal.SIGCONT)


def send(family: tuple[int, ...], what: signal.Signals) -> None:
    for pid in family:
        os.kill(pid, what)

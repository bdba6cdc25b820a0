"""SIGHUP: policy.toml is read again, and no request fails meanwhile."""

import http.client
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartguard_common.core.paths import SERVICES_FILE
from tests.servers import Valkey, children, until
from tests.service.gateway.stack import ROOT, Backend, GunicornProcess, environ, vouch
from tests.tokens import bearer, mark_ready

ME = bearer(12, "user", 3)
LIST_ROW = """id = "user.list"
method = "GET"
path = "/users"
upstream = "user"
who = { admin = "own", manager = "own" }"""


@pytest.fixture
def stack(backend: Backend, valkey: Valkey, tmp_path: Path) -> Iterator[GunicornProcess]:
    """A gateway over a copy of the tree, whose policy may be changed."""
    for name in ("services/common/src", "services/gateway", "schemas", "portal"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SERVICES_FILE, tmp_path / "services")
    mark_ready(valkey.url)
    with Backend(vouch).running() as auth:
        settings = environ(valkey.url, backend.url, tmp_path / "spool", RATE_LIMIT="100000/min", AUTH_URL=auth.url)
        with GunicornProcess(settings, tmp_path / "log", root=tmp_path).running() as running:
            yield running


def change(tmp_path: Path, old: str, new: str) -> None:
    policy = tmp_path / "services/gateway/policy.toml"
    text = policy.read_text()
    assert text.count(old) == 1
    policy.write_text(text.replace(old, new))


def reload(stack: GunicornProcess) -> None:
    """SIGHUP, and wait until every worker is a new one."""
    assert stack.process is not None
    before = set(children(stack.process.pid))
    os.kill(stack.process.pid, signal.SIGHUP)
    until(lambda: len(now := set(children(stack.process.pid))) == 2 and not now & before, "two new workers")


def test_a_changed_policy_is_in_force_without_a_restart(stack: GunicornProcess, tmp_path: Path) -> None:
    assert stack.ask("GET", "/users", ME).status == 403
    change(tmp_path, LIST_ROW, LIST_ROW.replace('manager = "own"', 'manager = "own", user = "own"'))
    reload(stack)
    assert stack.ask("GET", "/users", ME).status == 200
    assert "policy.toml was read again" in stack.log.read_text()


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (LIST_ROW.replace('"own" }', '"all" }'), "scope any or own or self"),
        (LIST_ROW.replace('"/users"', '"/people"'), "only a restart can add, move or remove routes: user.list"),
        ("= = =", "not TOML"),
        (LIST_ROW + "\nmore = " + "[" * 5000 + "]" * 5000, "nested too deep"),
    ],
)
def test_an_invalid_policy_changes_nothing_and_is_logged(
    stack: GunicornProcess, tmp_path: Path, new: str, says: str
) -> None:
    change(tmp_path, LIST_ROW, new)
    reload(stack)
    assert stack.ask("GET", "/users", ME).status == 403
    assert stack.ask("GET", "/users/me", ME).status == 200
    log = stack.log.read_text()
    assert "policy.toml stays as it was" in log
    assert says in log


def test_no_request_fails_while_workers_change(stack: GunicornProcess) -> None:
    faults: list[str] = []
    answered = [0] * 8
    ending = threading.Event()

    def ask_on(place: int) -> None:
        link = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=10)
        while not ending.is_set():
            try:
                link.request("GET", "/users/me", headers=ME)
                answer = link.getresponse()
                answer.read()
                if answer.status != 200:
                    faults.append(str(answer.status))
                answered[place] += 1
            except (OSError, http.client.HTTPException) as error:
                faults.append(repr(error))
                link.close()
        link.close()

    askers = [threading.Thread(target=ask_on, args=(place,)) for place in range(8)]
    for asker in askers:
        asker.start()
    for _ in range(3):
        reload(stack)
    ending.set()
    for asker in askers:
        asker.join()
    assert faults == []
    assert min(answered) > 10, answered

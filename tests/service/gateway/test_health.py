"""/health: how all services are, in the forms of the draft and of InfluxDB 2, asked once in a few seconds."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from xml.etree import ElementTree as ET

import pytest
from influxdb_client import InfluxDBClient

from heartguard_common import __version__
from heartguard_common.contract.contracts import Contracts
from heartguard_common.core.registry import SERVICES
from tests.servers import Valkey, until
from tests.service.gateway.stack import Backend, GunicornProcess, Handler, environ
from tests.tokens import mark_ready

NAMES = set(SERVICES)
CONTRACTS = Contracts.load()


def unready(handler: Handler) -> None:
    handler.reply(503 if handler.path.endswith("/ready") else 200, b'{"status": "failed", "secret": "postgresql"}')


@pytest.fixture(scope="module")
def media() -> Iterator[Backend]:
    with Backend().running() as running:
        yield running


@pytest.fixture(scope="module")
def others() -> Iterator[Backend]:
    with Backend().running() as running:
        yield running


@pytest.fixture(scope="module")
def one_worker(media: Backend, others: Backend, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory):
    directory = tmp_path_factory.mktemp("health")
    mark_ready(valkey.url)
    settings = environ(valkey.url, others.url, directory / "spool", MEDIA_URL=media.url)
    with GunicornProcess(settings, directory / "log", workers=1).running() as running:
        yield running


def status(gateway: GunicornProcess) -> str:
    return str(gateway.ask("GET", "/health").json["status"])


def checks(document: dict) -> dict[str, str]:
    return {check["name"]: check["status"] for check in document["checks"]}


def test_all_forms_say_the_same(one_worker: GunicornProcess) -> None:
    until(lambda: status(one_worker) == "pass", "a system in order")
    for path in ("/health", "/api/v1/health"):
        plain = one_worker.ask("GET", path)
        assert (plain.status, plain.headers["content-type"]) == (200, "application/json")
        CONTRACTS["SystemHealth"].check(plain.json)
        assert checks(plain.json) == dict.fromkeys(NAMES, "pass")
        xml = one_worker.ask("GET", path, {"Accept": "application/xml"})
        assert CONTRACTS["SystemHealth"].decode(xml.body, "application/xml") == plain.json
        assert ET.fromstring(one_worker.ask("GET", f"{path}?format=xml").body).tag == "SystemHealth"
        draft = one_worker.ask("GET", path, {"Accept": "application/health+json, application/json;q=0.5"})
        assert (draft.status, draft.headers["content-type"]) == (200, "application/health+json")
        assert (draft.json["status"], draft.json["releaseId"]) == ("pass", __version__)
        assert set(draft.json["checks"]) == {f"{name}:ready" for name in NAMES}
        assert {check["status"] for found in draft.json["checks"].values() for check in found} == {"pass"}
        assert one_worker.ask("HEAD", path).status == 200
        assert one_worker.ask("GET", path, {"Accept": "text/csv"}).status == 406
        assert one_worker.ask("GET", f"{path}?what=1").status == 422
        assert one_worker.ask("POST", path).status == 405


def test_a_client_of_influxdb_understands_it(one_worker: GunicornProcess) -> None:
    until(lambda: status(one_worker) == "pass", "a system in order")
    url = f"http://127.0.0.1:{one_worker.port}"
    with InfluxDBClient(url, token="none") as client, pytest.warns(DeprecationWarning, match="ping"):
        health = client.health()
    assert (health.name, health.status, health.version) == ("heartguard", "pass", __version__)
    assert {check.name for check in health.checks} == NAMES


def test_parallel_health_requests_ask_each_service_once(one_worker: GunicornProcess, media: Backend) -> None:
    def asked() -> int:
        return sum(1 for seen in media.seen if seen.path == "/media/ready")

    one_worker.ask("GET", "/health")
    before, answers = asked(), []
    threads = [
        threading.Thread(target=lambda: answers.append(one_worker.ask("GET", "/health").status)) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 20
    # no timing is counted on: a busy machine may take longer than the five seconds once
    assert asked() - before <= 2


def test_one_that_fails_warns_all_of_them_fail_and_nothing_within_is_told(
    one_worker: GunicornProcess, media: Backend, others: Backend
) -> None:
    with media.behaving(unready):
        until(lambda: status(one_worker) == "warn", "a warning")
        answer = one_worker.ask("GET", "/health")
        assert (answer.status, answer.json["message"]) == (200, "not ready: media")
        assert {name for name, word in checks(answer.json).items() if word == "fail"} == {"media"}
        assert b"postgresql" not in answer.body
        with ExitStack() as stack:
            stack.enter_context(others.behaving(unready))
            until(lambda: status(one_worker) == "fail", "a failure")
            for accept in ("application/json", "application/xml", "application/health+json"):
                assert one_worker.ask("GET", "/health", {"Accept": accept}).status == 503
    until(lambda: status(one_worker) == "pass", "a system in order again")

"""How often one may come, and which tokens no longer count."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Valkey, until
from tests.service.gateway.stack import Answer, Backend, GunicornProcess, Handler, environ
from tests.tokens import bearer, mark_ready, service_auth

ME = bearer(12, "admin", 3)


def behind(address: str) -> dict[str, str]:
    """As if the load balancer had seen this client."""
    return {"X-Forwarded-For": address}


def quota(answer: Answer) -> tuple[str, str]:
    return answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]


@pytest.fixture(scope="module")
def strict(backend: Backend, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornProcess]:
    """20 requests a minute, behind one trusted proxy, so that each test can be another client."""
    directory = tmp_path_factory.mktemp("strict")
    with valkey.client() as client:
        client.flushall()
    mark_ready(valkey.url)
    settings = environ(valkey.url, backend.url, directory / "spool", RATE_LIMIT="20/min", TRUSTED_PROXIES="1")
    with GunicornProcess(settings, directory / "log").running() as running:
        yield running


def test_the_limit_is_in_the_headers_and_enforced_with_retry_after(strict: GunicornProcess) -> None:
    headers = {**ME, **behind("203.0.113.1")}
    answers = [strict.ask("GET", "/users/me", headers) for _ in range(22)]
    assert [answer.status for answer in answers] == [200] * 20 + [429] * 2
    assert [quota(answer) for answer in answers[:3]] == [("20", "19"), ("20", "18"), ("20", "17")]
    last = answers[-1]
    assert last.code == "GEN_429"
    assert "'default'" in last.json["error"]["message"]
    assert quota(last) == ("20", "0")
    assert 1 <= int(last.headers["retry-after"]) <= 3
    assert 50 <= int(last.headers["x-ratelimit-reset"]) <= 60


def test_credentials_that_are_not_ascii_are_refused_and_charged_to_the_address(strict: GunicornProcess) -> None:
    headers = {"Authorization": "Bearer \xe9\xe9", **behind("203.0.113.50")}
    answers = [strict.ask("GET", "/users/me", headers) for _ in range(3)]
    assert [(answer.status, answer.code) for answer in answers] == [(401, "GEN_401_TOKEN")] * 3
    first, second, third = (int(answer.headers["x-ratelimit-remaining"]) for answer in answers)
    assert first > second > third


def test_waiting_for_retry_after_succeeds(strict: GunicornProcess) -> None:
    headers = {**ME, **behind("203.0.113.2")}
    while (answer := strict.ask("GET", "/users/me", headers)).status == 200:
        pass
    time.sleep(int(answer.headers["retry-after"]))  # the promise under test
    assert strict.ask("GET", "/users/me", headers).status == 200


def test_callers_addresses_and_classes_have_buckets_of_their_own(strict: GunicornProcess) -> None:
    here, there = behind("203.0.113.3"), behind("203.0.113.4")
    for _ in range(20):
        assert strict.ask("GET", "/users/me", {**ME, **here}).status == 200
    assert strict.ask("GET", "/users/me", {**ME, **here}).status == 429
    assert strict.ask("GET", "/users/me", {**bearer(13, "user", 3), **here}).status == 200
    assert strict.ask("GET", "/users/me", {**ME, **there}).status == 200
    assert quota(strict.ask("POST", "/timeseries/write", {**ME, **here}, b"{}")) == ("40", "39")


def test_logins_are_few(strict: GunicornProcess) -> None:
    answers = [strict.ask("POST", "/auth/login", behind("203.0.113.5"), b"{}") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert "'login'" in answers[-1].json["error"]["message"]
    assert int(answers[-1].headers["retry-after"]) > 3


def test_bad_tokens_and_unknown_paths_are_charged_to_the_address(strict: GunicornProcess) -> None:
    here = behind("203.0.113.6")
    bad = {"Authorization": "Bearer nonsense", **here}
    assert quota(strict.ask("GET", "/users/me", bad)) == ("400", "399")
    assert quota(strict.ask("GET", "/nowhere", here)) == ("400", "398")
    assert strict.ask("POST", "/users/me", here).status == 405
    assert quota(strict.ask("GET", "/users/me", here)) == ("400", "396")
    assert quota(strict.ask("GET", "/users/me", {**ME, **here})) == ("20", "19")


def test_a_flood_from_one_address_ends_for_all_its_callers(strict: GunicornProcess) -> None:
    here = behind("203.0.113.7")
    burst = [strict.ask("GET", "/nowhere", here).status for _ in range(400)]
    assert set(burst) == {404}
    flooded = strict.ask("GET", "/users/me", {**ME, **here})
    while flooded.status != 429:  # a token of the address comes back each 150 ms
        strict.ask("GET", "/nowhere", here)
        flooded = strict.ask("GET", "/users/me", {**ME, **here})
    assert "'address'" in flooded.json["error"]["message"]
    assert strict.ask("GET", "/gateway/health", here).status == 200


def test_both_workers_share_a_bucket(strict: GunicornProcess) -> None:
    here = {**ME, **behind("203.0.113.8")}
    remaining = [int(strict.ask("GET", "/users/me", here).headers["x-ratelimit-remaining"]) for _ in range(12)]
    assert remaining[0] - remaining[-1] >= 10


@pytest.mark.parametrize("mark", ["jti", "sid"])
def test_a_revoked_token_is_refused_at_once(strict: GunicornProcess, valkey: Valkey, mark: str) -> None:
    token = {**bearer(12, "user", 3, jti=f"jti-{mark}", sid=f"sid-{mark}"), **behind("203.0.113.9")}
    assert strict.ask("GET", "/users/me", token).status == 200
    with valkey.client() as client:
        client.set(f"hg:rev:{mark}:{mark}-{mark}", "1", ex=60)
    answer = strict.ask("GET", "/users/me", token)
    assert (answer.status, answer.code) == (401, "GEN_401_TOKEN")


class TestRedisThatCanNotBeBelieved:
    """Revocation without the fast copy: auth is asked, and an unknown status is refused."""

    @pytest.fixture
    def lonely(self, backend: Backend, valkey_server: Valkey, tmp_path: Path) -> Iterator[GunicornProcess]:
        settings = environ(valkey_server.url, backend.url, tmp_path / "spool", RATE_LIMIT="5/min")
        with GunicornProcess(settings, tmp_path / "log", workers=1).running() as running:
            yield running

    def test_auth_is_asked_with_the_gateways_own_credentials(
        self, lonely: GunicornProcess, backend: Backend, valkey_server: Valkey
    ) -> None:
        verdicts = iter([b'{"active": true}', b'{"active": false}'])

        def auth(handler: Handler) -> None:
            handler.read_body()
            handler.reply(200, next(verdicts) if handler.path == "/auth/token/introspect" else b"{}")

        with backend.behaving(auth):
            assert lonely.ask("GET", "/users/me", ME).status == 200  # Redis is there, but it was never filled
            asked = next(seen for seen in reversed(backend.seen) if seen.path == "/auth/token/introspect")
            assert asked.headers["authorization"] == service_auth("gateway")["Authorization"]
            valkey_server.kill()
            answer = lonely.ask("GET", "/users/me", ME)
            assert (answer.status, answer.code) == (401, "GEN_401_TOKEN")

    def test_an_unknown_revocation_status_is_503(
        self, lonely: GunicornProcess, backend: Backend, valkey_server: Valkey
    ) -> None:
        valkey_server.kill()
        with backend.behaving(lambda handler: (handler.read_body(), handler.reply(500, b"{}"))):  # type: ignore[arg-type,return-value]
            answer = lonely.ask("GET", "/users/me", ME)
        assert (answer.status, answer.code) == (503, "GEN_503")

    def test_buckets_of_the_process_take_over_and_are_counted(
        self, lonely: GunicornProcess, valkey_server: Valkey
    ) -> None:
        valkey_server.freeze()
        try:
            statuses = [lonely.ask("POST", "/auth/refresh", {}, b"{}").status for _ in range(7)]
        finally:
            valkey_server.thaw()
        assert statuses == [200] * 5 + [429] * 2
        metrics = lonely.ask("GET", "/gateway/metrics").body.decode()
        assert 'heartguard_gateway_redis_fallbacks_total{what="buckets"}' in metrics

    def test_readiness_names_unavailable_dependencies_until_they_are_back(
        self, lonely: GunicornProcess, valkey_server: Valkey
    ) -> None:
        def dependencies() -> dict[str, str]:
            document = lonely.ask("GET", "/gateway/ready").json
            return {item["name"]: item["status"] for item in document["dependencies"]}

        assert dependencies() == {"redis": "ok", "auth": "ok"}
        valkey_server.freeze()
        frozen = dependencies()
        valkey_server.thaw()
        assert frozen == {"redis": "failed", "auth": "ok"}
        until(lambda: lonely.ask("GET", "/gateway/ready").status == 200, "readiness")

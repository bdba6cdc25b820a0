"""The bucket of Redis and the bucket of this process sit the same exam."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from heartguard_gateway.domain import Limit, Quota
from heartguard_gateway.redis_connection import RedisConnection
from heartguard_gateway.store import SCRIPT_FILE, LocalBuckets, RedisGate
from tests.servers import Valkey

SLOW = Limit("login", 3, 60_000_000)


class InRedis:
    """The script, asked as the gateway asks it."""

    def __init__(self, url: str) -> None:
        self.link = RedisConnection(url, timeout=30.0)
        self.fallbacks: list[str] = []
        self.gate = RedisGate(self.link, LocalBuckets(), self.fallbacks.append)

    def take(self, key: str, limit: Limit) -> Quota:
        quota = self.gate.admit([(key, limit)], None).quotas[0]
        assert self.fallbacks == []
        return quota


@pytest.fixture(params=["redis", "local"])
def buckets(request: pytest.FixtureRequest, redis_url: str) -> Iterator[Any]:
    if request.param == "local":
        yield LocalBuckets()
        return
    store = InRedis(redis_url)
    yield store
    store.link.close()


def test_a_burst_of_its_size_and_not_one_more(buckets: Any) -> None:
    taken = [buckets.take("hg:rl:a", SLOW) for _ in range(5)]
    assert [quota.allowed for quota in taken] == [True, True, True, False, False]
    assert [quota.remaining for quota in taken] == [2, 1, 0, 0, 0]


def test_the_wait_and_the_time_of_a_full_bucket_are_returned(buckets: Any) -> None:
    for _ in range(3):
        quota = buckets.take("hg:rl:a", SLOW)
    assert 59_000_000 < quota.wait_us <= 60_000_000
    assert 179_000_000 < quota.reset_us <= 180_000_000


def test_buckets_are_kept_apart(buckets: Any) -> None:
    for _ in range(4):
        buckets.take("hg:rl:a", SLOW)
    assert buckets.take("hg:rl:b", SLOW).allowed


def test_a_token_comes_back_after_the_wait(buckets: Any) -> None:
    fast = Limit("query", 1, 30_000)
    assert buckets.take("hg:rl:a", fast).allowed
    refused = buckets.take("hg:rl:a", fast)
    assert not refused.allowed
    deadline = time.monotonic() + 60  # only ever waits for the 30 ms of the bucket
    while not (quota := buckets.take("hg:rl:a", fast)).allowed and time.monotonic() < deadline:
        assert quota.wait_us <= 30_000
    assert quota.allowed


def test_the_key_is_gone_when_the_bucket_is_full(valkey: Valkey, redis_url: str) -> None:
    store = InRedis(redis_url)
    store.take("hg:rl:a", SLOW)
    store.link.close()
    with valkey.client() as client:
        assert 59_000 < client.pttl("hg:rl:a") <= 60_001


def test_a_refusal_costs_nothing(valkey: Valkey, redis_url: str) -> None:
    store = InRedis(redis_url)
    for _ in range(3):
        store.take("hg:rl:a", SLOW)
    with valkey.client() as client:
        before = client.get("hg:rl:a")
        assert not store.take("hg:rl:a", SLOW).allowed
        assert client.get("hg:rl:a") == before
    store.link.close()


def test_a_server_clock_set_back_locks_nobody_out(valkey: Valkey, redis_url: str) -> None:
    store = InRedis(redis_url)
    with valkey.client() as client:
        client.set("hg:rl:a", str(int((time.time() + 86_400) * 1_000_000)))
    quota = store.take("hg:rl:a", SLOW)
    store.link.close()
    assert (quota.allowed, quota.wait_us) == (False, 60_000_000)


def test_sixteen_clients_together_get_exactly_the_rate(valkey: Valkey, redis_url: str) -> None:
    burst, per_second, seconds = 200, 500, 2.0
    script = SCRIPT_FILE.read_text()
    allowed = [0] * 16
    ready = threading.Barrier(16)

    def now(client: Any) -> float:
        whole, micro = client.time()
        return float(whole + micro / 1_000_000)

    def ask_on(place: int) -> None:
        with valkey.client() as client:
            take = client.register_script(script)
            ready.wait()
            ending = time.monotonic() + seconds
            while time.monotonic() < ending:
                allowed[place] += take(keys=["hg:rl:sixteen"], args=[burst, 1_000_000 // per_second])[0]

    def drain(client: Any) -> int:
        """Down to the bottom, so that no full bucket loses tokens while a busy machine lets nobody ask."""
        take = client.register_script(script)
        taken = 0
        while take(keys=["hg:rl:sixteen"], args=[burst, 1_000_000 // per_second])[0]:
            taken += 1
        return taken

    with valkey.client() as client:
        askers = [threading.Thread(target=ask_on, args=(place,)) for place in range(16)]
        began = now(client)
        alone = drain(client)
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        alone += drain(client)
        given = burst + per_second * (now(client) - began)
    assert 0.99 * given <= sum(allowed) + alone <= given


def test_microseconds_of_today_survive_the_number_format(valkey: Valkey, redis_url: str) -> None:
    store = InRedis(redis_url)
    store.take("hg:rl:a", Limit("default", 100, 600_000))
    store.link.close()
    with valkey.client() as client:
        value = client.get("hg:rl:a")
    assert abs(int(value) - (time.time() * 1_000_000 + 600_000)) < 5_000_000


def test_a_bucket_waits_for_no_disk(valkey_server: Valkey) -> None:
    """What a bucket says is not in the append-only file, so nobody who asks it waits until that is on the disk.

    This server writes before it answers, so the length of the file is that of all that was answered.
    """

    def written() -> int:
        return int(client.info("persistence")["aof_current_size"])

    store, client = InRedis(valkey_server.url), valkey_server.client()
    store.take("hg:rl:a", SLOW)
    before = written()
    for _ in range(20):
        store.take("hg:rl:a", SLOW)
        store.take("hg:rl:b", SLOW)
    assert written() == before
    client.set("what is kept", "1")
    assert written() > before
    client.close()
    store.link.close()


def test_the_script_survives_a_flush(valkey: Valkey, redis_url: str) -> None:
    store = InRedis(redis_url)
    store.take("hg:rl:a", SLOW)
    with valkey.client() as client:
        client.script_flush()
    assert store.take("hg:rl:a", SLOW).remaining == 1
    store.link.close()


def test_one_script_touches_one_key() -> None:
    assert "KEYS[2]" not in SCRIPT_FILE.read_text(encoding="utf-8")


def test_the_local_buckets_stay_few() -> None:
    buckets = LocalBuckets(size=3)
    for number in range(10):
        buckets.take(f"key {number}", SLOW)
    assert buckets.take("key 9", SLOW).remaining == 1
    assert buckets.take("key 0", SLOW).remaining == 2

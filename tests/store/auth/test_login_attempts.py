"""One suite for both counters of failed login attempts: the shared one in Redis, and the one in a process."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from heartguard_auth.login_attempts.domain import ACCOUNT_LIMIT, ADDRESS_LIMIT, PAIR_LIMIT, LoginLock
from heartguard_auth.login_attempts.store.counters import RedisLoginAttempts
from heartguard_auth.login_attempts.store.local_counters import LocalLoginAttempts
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import ServiceError
from heartguard_common.stores.redis_client import make_redis
from tests.clocks import MovableClock
from tests.servers import until

SECRET = "Zk3v9QpL7xT2mW8cR5yB1nH6dF4gJ0sA"
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def client(redis_url):
    made = make_redis(redis_url)
    yield made
    made.close()


@pytest.fixture(params=["redis", "local"])
def counter(request, client, clock):
    return RedisLoginAttempts(client, SECRET, clock) if request.param == "redis" else LocalLoginAttempts(SECRET, clock)


def fail(counter, email="ana@hg.io", address=HERE, times=1):
    locks = []
    for _ in range(times):
        attempt = counter.begin(email, address)
        assert attempt.wait_seconds == 0
        locks += counter.end(attempt, "failed")
    return locks


def test_five_failures_lock_the_pair_for_half_an_hour_and_no_other(counter, clock):
    assert (PAIR_LIMIT.failures, PAIR_LIMIT.window_seconds, PAIR_LIMIT.lock_seconds) == (5, 900, 1800)
    fail(counter, times=5)
    attempt = counter.begin("ANA@hg.io", HERE)
    assert (attempt.wait_seconds, attempt.busy) == (1800, False)
    assert counter.begin("ana@hg.io", THERE).wait_seconds == 0
    assert counter.begin("bob@hg.io", HERE).wait_seconds == 0
    clock.forward(1799)
    assert counter.begin("ana@hg.io", HERE).wait_seconds == 1
    clock.forward(1)
    assert counter.begin("ana@hg.io", HERE).wait_seconds == 0


def test_a_failure_returns_the_locks_that_it_begins(counter, clock):
    who = counter.subjects("Ana@hg.io", HERE)
    ends = clock.now_ns() // 1_000_000 * 1_000_000 + 1800 * NANOSECONDS
    fail(counter, times=3)
    under_way = counter.begin("ana@hg.io", HERE)
    assert not counter.end(counter.begin("ana@hg.io", HERE), "failed")  # four have failed; the fifth may be right
    assert counter.end(under_way, "failed") == [LoginLock(who.account, who.address, ends)]
    for number in range(44):
        assert not fail(counter, address=f"198.51.100.{number}")
    ends -= 900 * NANOSECONDS
    assert fail(counter, address="203.0.113.9") == [LoginLock(who.account, "", ends)]
    for number in range(94):
        assert not fail(counter, email=f"person{number}@hg.io")
    assert fail(counter, email="last@hg.io") == [LoginLock("", who.address, ends)]


def test_the_window_slides(counter, clock):
    fail(counter)
    clock.forward(899)
    fail(counter, times=3)
    clock.forward(2)  # the first is 901 s old now
    fail(counter)
    assert counter.begin("ana@hg.io", HERE).wait_seconds == 0


def test_failures_at_the_edge_of_the_window_count(counter, clock):
    fail(counter, times=4)
    clock.forward(900)
    fail(counter)
    assert counter.begin("ana@hg.io", HERE).wait_seconds == 1800


def test_a_success_forgives_the_pair(counter):
    fail(counter, times=4)
    counter.end(counter.begin("ana@hg.io", HERE), "succeeded")
    fail(counter, times=5)
    assert counter.begin("ana@hg.io", HERE).wait_seconds == 1800


def test_what_was_not_tried_does_not_count(counter):
    for _ in range(10):
        counter.end(counter.begin("ana@hg.io", HERE), "cancelled")
    fail(counter, times=5)


def test_attempts_under_way_count_and_say_that_they_may_yet_succeed(counter, clock):
    under_way = [counter.begin("ana@hg.io", HERE) for _ in range(5)]
    sixth = counter.begin("ana@hg.io", HERE)
    assert sixth.wait_seconds > 0
    assert sixth.busy
    counter.end(under_way[0], "succeeded")
    clock.forward(11)  # attempts that have not ended count as failures after 10 s
    assert [it.address != "" for it in fail(counter)] == [True]  # the fifth: the pair is locked
    locked = counter.begin("ana@hg.io", HERE)
    assert (locked.wait_seconds > 0, locked.busy) == (True, False)


def test_an_account_is_locked_everywhere_more_slowly(counter, clock):
    assert (ACCOUNT_LIMIT.failures, ACCOUNT_LIMIT.window_seconds, ACCOUNT_LIMIT.lock_seconds) == (50, 3600, 900)
    for number in range(50):
        fail(counter, address=f"198.51.100.{number}")
    assert counter.begin("ana@hg.io", "203.0.113.9").wait_seconds == 900
    clock.forward(900)
    fail(counter, address="203.0.113.9")
    assert counter.begin("ana@hg.io", "203.0.113.8").wait_seconds == 900  # still 50 in the last hour
    clock.forward(2701)
    assert counter.begin("ana@hg.io", "203.0.113.8").wait_seconds == 0


def test_an_address_is_locked_at_every_account_more_slowly(counter):
    assert (ADDRESS_LIMIT.failures, ADDRESS_LIMIT.window_seconds, ADDRESS_LIMIT.lock_seconds) == (100, 3600, 900)
    for number in range(100):
        fail(counter, email=f"person{number}@hg.io")
    assert counter.begin("one.more@hg.io", HERE).wait_seconds == 900
    assert counter.begin("one.more@hg.io", THERE).wait_seconds == 0


def test_an_ipv6_client_cannot_change_its_address_within_its_network(counter):
    for number in range(5):
        fail(counter, address=f"2001:db8:1:2::{number:x}")
    assert counter.begin("ana@hg.io", "2001:db8:1:2:ffff::1").wait_seconds == 1800


def test_a_lock_can_be_ended(counter):
    fail(counter, times=5)
    fail(counter, email="bob@hg.io", times=5)
    counter.clear("Ana@hg.io")
    assert counter.begin("ana@hg.io", HERE).wait_seconds == 0
    assert counter.begin("bob@hg.io", HERE).wait_seconds == 1800


def test_parallel_attempts_do_not_outrun_the_counter(counter):
    with ThreadPoolExecutor(8) as pool:
        attempts = list(pool.map(lambda _: counter.begin("ana@hg.io", HERE), range(40)))
    assert sum(attempt.wait_seconds == 0 for attempt in attempts) == 5


def test_redis_knows_neither_e_mail_nor_address_and_forgets(client, clock, valkey):
    fail(RedisLoginAttempts(client, SECRET, clock))
    dump = ""
    for key in client.keys("hg:guess:*"):
        dump += key + str(client.zrange(key, 0, -1))
        assert 0 < client.ttl(key) <= 5400
    assert dump
    assert not any(word in dump for word in ("ana", "hg.io", HERE))


def test_two_processes_share_the_counter(client, clock):
    one, two = (RedisLoginAttempts(client, SECRET, clock) for _ in range(2))
    fail(one, times=3)
    fail(two, times=2)
    assert one.begin("ana@hg.io", HERE).wait_seconds == two.begin("ana@hg.io", HERE).wait_seconds == 1800


def test_without_redis_a_process_counts_alone(valkey_server, clock):
    client = make_redis(valkey_server.url)
    now = [0.0]
    counter = RedisLoginAttempts(client, SECRET, clock, lambda: now[0])
    fail(counter, times=2)
    begun = counter.begin("ana@hg.io", HERE)
    valkey_server.freeze()
    counter.end(begun, "failed")
    fail(counter, times=5)
    assert counter.begin("ana@hg.io", HERE).local
    assert counter.begin("ana@hg.io", HERE).wait_seconds == 1800
    with pytest.raises(ServiceError, match="GEN_503"):
        counter.clear("ana@hg.io")
    assert counter.begin("ana@hg.io", HERE).wait_seconds == 0
    valkey_server.thaw()

    def shared():
        now[0] += 1.0
        attempt = counter.begin("bob@hg.io", HERE)
        counter.end(attempt, "cancelled")
        return not attempt.local

    until(shared, "Redis counts again")
    client.close()


def test_a_redis_that_forgot_the_script_learns_it_again(client, clock):
    counter = RedisLoginAttempts(client, SECRET, clock)
    fail(counter, times=4)
    client.script_flush()
    fail(counter)
    assert counter.begin("ana@hg.io", HERE).wait_seconds == 1800

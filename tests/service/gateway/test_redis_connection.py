"""Group commit: replies find their callers, and the three outcomes stay apart."""

import socket
import time

import gevent
import pytest

from heartguard_gateway.redis_client.commands import RedisUnavailable
from heartguard_gateway.redis_client.connection import RedisConnection
from tests.servers import Valkey, free_port


def test_many_callers_share_writes_and_get_their_own_replies(redis_url: str) -> None:
    link = RedisConnection(redis_url, timeout=60.0)

    def ask(number: int) -> bool:
        for turn in range(20):
            text = f"{number}:{turn}".encode()
            assert link.call([("ECHO", text), ("ECHO", text[::-1])]) == [text, text[::-1]]
        return True

    callers = [gevent.spawn(ask, number) for number in range(50)]
    gevent.joinall(callers)
    link.close()
    assert all(caller.value for caller in callers)


def test_an_error_reply_is_no_answer(redis_url: str) -> None:
    link = RedisConnection(redis_url, timeout=60.0)
    link.call([("SET", "text", "x")])
    with pytest.raises(RedisUnavailable, match="WRONGTYPE") as caught:
        link.call([("XADD", "text", "*", "event", "1")])
    assert caught.value.sent
    assert link.call([("GET", "text")]) == [b"x"]
    link.close()


def test_without_a_server_commands_are_not_sent_and_the_next_fail_at_once() -> None:
    port = free_port()
    link = RedisConnection(f"redis://127.0.0.1:{port}/0", pause=600.0)
    with pytest.raises(RedisUnavailable) as caught:
        link.call([("PING",)])
    assert not caught.value.sent
    with socket.create_server(("127.0.0.1", port)) as entry_point:
        for _ in range(100):
            with pytest.raises(RedisUnavailable, match="a moment ago"):
                link.call([("PING",)])
        entry_point.settimeout(0)
        with pytest.raises(BlockingIOError):  # no connection was tried
            entry_point.accept()
    link.close()


def test_a_wrong_password_counts_as_unavailable(valkey: Valkey) -> None:
    link = RedisConnection(f"redis://:wrong@127.0.0.1:{valkey.port}/0")
    with pytest.raises(RedisUnavailable):
        link.call([("PING",)])
    link.close()


def test_a_hung_server_is_unavailable_within_the_time_out_and_then_at_once(valkey_server: Valkey) -> None:
    link = RedisConnection(valkey_server.url, timeout=1.5, pause=600.0)
    link.ping()
    valkey_server.freeze()
    try:
        started = time.monotonic()
        with pytest.raises(RedisUnavailable, match="in time") as caught:
            link.call([("SET", "key", "1")])
        first = time.monotonic() - started
        with pytest.raises(RedisUnavailable, match="a moment ago"):
            link.ping()
    finally:
        valkey_server.thaw()
        link.close()
    assert caught.value.sent
    assert first > 1.4


def test_a_restarted_server_is_found_again_and_lost_nothing_it_answered(valkey_server: Valkey) -> None:
    link = RedisConnection(valkey_server.url, timeout=2.0, pause=0.0)
    for number in range(50):
        link.call([("RPUSH", "list", str(number))])
    valkey_server.kill()
    with pytest.raises(RedisUnavailable):
        link.ping()
    with pytest.raises(RedisUnavailable):  # the first may have found the connection broken, this one finds no server
        link.ping()
    valkey_server.start()
    assert link.call([("LLEN", "list")]) == [50]
    link.close()


def test_a_caller_that_is_killed_crosses_no_reply(redis_url: str) -> None:
    link = RedisConnection(redis_url, timeout=60.0)
    link.ping()
    victims = [gevent.spawn(link.call, [("ECHO", "victim")]) for _ in range(20)]
    gevent.sleep(0)
    gevent.killall(victims, block=False)
    assert link.call([("ECHO", "survivor")]) == [b"survivor"]
    link.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:6379"])
def test_a_url_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must begin with redis:"):
        RedisConnection(url)

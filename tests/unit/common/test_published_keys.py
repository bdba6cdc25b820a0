"""How verifiers fetch and cache the keys that auth publishes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from heartguard_common.core.errors import SERVICE_CALL_FAILED, ServiceError
from heartguard_common.core.lifecycle import NotReadyError
from heartguard_common.identity.authentication import PublishedKeys
from tests.clocks import MovableClock
from tests.unit.common.published import public_jwk, refused

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


def test_unknown_kids_cause_one_fetch_a_second(clock: MovableClock) -> None:
    fetches = []

    def fetch() -> dict[str, Any]:
        fetches.append(1)
        return {"keys": [public_jwk(KEY, "k1"), {"kty": "oct", "kid": "k2", "k": "AA"}, {"kty": "EC", "crv": "P-521"}]}

    keys = PublishedKeys(fetch, clock)
    assert [key.key_id for key in keys.candidates("k1")] == ["k1"]
    for unknown in ("k2", "k3", None, "../k1"):
        assert list(keys.candidates(unknown)) == []
    assert len(fetches) == 1
    for _ in range(10):
        for number in range(1000):
            assert list(keys.candidates(f"forged-{number}")) == []
        clock.forward(0.1)
    assert len(fetches) == 1
    keys.candidates("k3")
    assert len(fetches) == 2


def test_a_new_key_is_known_a_second_after_a_forged_one_was_asked_for(clock: MovableClock) -> None:
    published = [public_jwk(KEY, "k1")]
    keys = PublishedKeys(lambda: {"keys": published}, clock)
    assert keys.candidates("k1")
    clock.forward(1)
    assert list(keys.candidates("forged")) == []
    published.append(public_jwk(OTHER_KEY, "k2"))
    clock.forward(1)
    assert [key.key_id for key in keys.candidates("k2")] == ["k2"]


def test_an_unpublished_key_is_forgotten_after_five_minutes(clock: MovableClock) -> None:
    published = [public_jwk(KEY, "k1"), public_jwk(OTHER_KEY, "k2")]
    fetches = []

    def fetch() -> dict[str, Any]:
        fetches.append(1)
        if not published:
            raise ServiceError(SERVICE_CALL_FAILED)
        return {"keys": published}

    keys = PublishedKeys(fetch, clock)
    assert keys.candidates("k1")
    del published[0]
    clock.forward(299)
    assert keys.candidates("k1")
    assert len(fetches) == 1
    clock.forward(1)
    assert not keys.candidates("k1")
    assert keys.candidates("k2")
    assert len(fetches) == 2
    published.clear()
    clock.forward(300)
    assert keys.candidates("k2")  # auth is unavailable: what was known goes on, and auth is asked once in a second
    assert keys.candidates("k2")
    assert len(fetches) == 3


def test_while_auth_is_unreachable_no_token_is_called_invalid(clock: MovableClock) -> None:
    fetches = []

    def fetch() -> dict[str, Any]:
        fetches.append(1)
        if len(fetches) < 3:
            raise ServiceError(SERVICE_CALL_FAILED)
        return {"keys": [public_jwk(KEY, "k1")]}

    keys = PublishedKeys(fetch, clock)
    assert [refused(lambda: keys.candidates("k1")) for _ in range(3)] == ["GEN_503"] * 3
    assert len(fetches) == 1
    clock.forward(1)
    assert refused(lambda: keys.candidates("k1")) == "GEN_503"
    clock.forward(1)
    assert [key.key_id for key in keys.candidates("k1")] == ["k1"]
    assert len(fetches) == 3


class Hanging:
    """An auth that answers once, and then hangs until `ends`, for two seconds at most, without an answer."""

    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock
        self.asked = 0
        self.hangs, self.ends = threading.Event(), threading.Event()

    def fetch(self) -> dict[str, Any]:
        self.asked += 1
        if self.asked == 1:
            return {"keys": [public_jwk(KEY, "k1")]}
        self.hangs.set()
        assert self.ends.wait(60)
        self._clock.forward(2)
        raise ServiceError(SERVICE_CALL_FAILED)


def test_a_hanging_auth_does_not_block_callers_with_known_keys(clock: MovableClock) -> None:
    auth = Hanging(clock)
    keys = PublishedKeys(auth.fetch, clock)
    assert keys.candidates("k1")
    clock.forward(300)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(keys.candidates, "k1")
        assert auth.hangs.wait(60)
        assert keys.candidates("k1")
        auth.ends.set()
        assert first.result(10)
    assert keys.candidates("k1")
    assert auth.asked == 2


def test_a_caller_that_waited_for_a_hanging_auth_does_not_ask_again(clock: MovableClock) -> None:
    auth = Hanging(clock)
    keys = PublishedKeys(auth.fetch, clock)
    assert keys.candidates("k1")
    clock.forward(300)
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(refused, lambda: keys.candidates("new")) for _ in range(4)]
        assert auth.hangs.wait(60)
        auth.ends.set()
        assert [one.result(10) for one in waiting] == ["GEN_503"] * 4
    assert auth.asked == 2


def test_keys_are_fetched_ahead_and_kept_while_auth_is_unreachable(clock: MovableClock) -> None:
    published: list[dict[str, Any]] = []
    fetches = []

    def fetch() -> dict[str, Any]:
        fetches.append(1)
        if not published:
            raise ServiceError(SERVICE_CALL_FAILED)
        return {"keys": published}

    keys = PublishedKeys(fetch, clock)
    assert keys.keep_fresh() == 0.2  # auth starts later: another try soon
    with pytest.raises(NotReadyError, match="not been fetched yet"):
        keys.ping()
    published.append(public_jwk(KEY, "k1"))
    clock.forward(0.2)
    assert keys.keep_fresh() == 240.0
    keys.ping()
    assert keys.candidates("k1")
    assert len(fetches) == 2
    published.clear()
    for _ in range(3):
        clock.forward(240)
        assert keys.keep_fresh() == 1.0
        assert keys.candidates("k1")

"""Key rotation, retired keys, and a Redis that lost its memory, at the gateway and at every service."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from heartguard_auth.keys import main
from tests.protection.stack import JSON, Person, ProtectedStack, header_of
from tests.servers import until
from tests.tokens import settings_environ

PATHS = {
    "gateway": "/users/me",
    "auth": "/auth/profile",
    "organization": "/organization",
    "user": "/users/me",
    "media": "/media/items",
    "influx": "/timeseries/measurements",
    "audit": "/audit/events",
}


@pytest.fixture
def keys(protected_stack: ProtectedStack, tmp_path: Path) -> Callable[..., int]:
    """`heartguard keys ...` as the operator runs it beside the running stack."""
    stack = protected_stack
    environ = settings_environ("auth", stack.database, stack.valkey.url, JWT_SECRET="", SPOOL_DIR=str(tmp_path))
    return lambda *arguments: main(arguments, environ)


def at_every_entry_point(stack: ProtectedStack, token: str) -> dict[str, int]:
    headers = {"Authorization": f"Bearer {token}", "Accept": JSON}
    return {name: stack.entry_points[name].ask("GET", path, headers).status for name, path in PATHS.items()}


def everywhere(status: int) -> dict[str, int]:
    return dict.fromkeys(PATHS, status)


def becomes(stack: ProtectedStack, token: str, status: int) -> None:
    """Wait until every entry point answers a token so; 503 meanwhile, on a busy machine, says that nobody knows yet."""
    until(lambda: at_every_entry_point(stack, token) == everywhere(status), f"{status} at every entry point")


@contextmanager
def load(*askers: Callable[[], object]) -> Iterator[list[Counter[object]]]:
    """Each asker asks again and again in a thread of its own; yields how often each got what."""
    seen: list[Counter[object]] = [Counter() for _ in askers]
    stopped = threading.Event()

    def run(asker: Callable[[], object], counts: Counter[object]) -> None:
        while not stopped.is_set():
            counts[asker()] += 1

    with ThreadPoolExecutor(len(askers)) as pool:
        running = [pool.submit(run, asker, counts) for asker, counts in zip(askers, seen, strict=True)]
        try:
            yield seen
        finally:
            stopped.set()
        for future in running:
            future.result()


def profile(stack: ProtectedStack, entry_point: str, bearer: Callable[[], str]) -> Callable[[], int]:
    return lambda: (
        stack.entry_points[entry_point].ask("GET", PATHS[entry_point], {"Authorization": f"Bearer {bearer()}"}).status
    )


def test_a_retired_key_is_refused_everywhere_and_sessions_continue(
    protected_stack: ProtectedStack, keys: Callable[..., int]
) -> None:
    stack = protected_stack
    person = stack.found("retired")
    becomes(stack, person.access_token, 200)
    kid = header_of(person.access_token)["kid"]
    assert keys("retire", kid) == 0
    becomes(stack, person.access_token, 401)
    pair = {"refresh_token": person.refresh_token}

    def signed_anew() -> bool:
        """Whether auth has read its ring again: the session goes on, by tokens of another key."""
        answer = stack.refresh(pair["refresh_token"])
        assert answer.status == 200
        pair.update(answer.json)
        return header_of(pair["access_token"])["kid"] != kid

    until(signed_anew, "a token of another key")
    becomes(stack, pair["access_token"], 200)
    with stack.valkey.client() as redis:
        redis.flushall()
    assert 200 not in at_every_entry_point(stack, person.access_token).values()
    becomes(stack, pair["access_token"], 200)
    becomes(stack, person.access_token, 401)


def test_a_key_that_signs_before_it_was_published_becomes_known_everywhere(
    protected_stack: ProtectedStack, keys: Callable[..., int]
) -> None:
    stack = protected_stack
    person = stack.found("unpublished")
    becomes(stack, person.access_token, 200)
    # The next key was made known long ago; the one after it, which signs after two have gone, was not.
    first = header_of(person.access_token)["kid"]
    assert keys("retire", first) == 0
    second = _signed_by_another(stack, person, {first})
    assert keys("retire", header_of(second)["kid"]) == 0
    third = _signed_by_another(stack, person, {first, header_of(second)["kid"]})
    # Whoever forges key ids can use a second's question up, and no more.
    forged = jwt.encode({"sub": "1"}, ec.generate_private_key(ec.SECP256R1()), "ES256", {"kid": "forged"})
    becomes(stack, forged, 401)
    becomes(stack, third, 200)
    becomes(stack, second, 401)


def _signed_by_another(stack: ProtectedStack, person: Person, kids: set[str]) -> str:
    """An access token that none of these keys signed, as soon as auth has read its ring again."""
    tokens = [""]

    def signed() -> bool:
        tokens[0] = stack.log_in(person.email)["access_token"]
        return header_of(tokens[0])["kid"] not in kids

    until(signed, "a token of another key")
    return tokens[0]


def test_a_rotation_under_load_fails_no_request(protected_stack: ProtectedStack, keys: Callable[..., int]) -> None:
    stack = protected_stack
    person = stack.found("rotated")
    tokens = {"access": person.access_token, "refresh": stack.log_in(person.email)["refresh_token"]}
    signed_by = set()

    def refresh() -> int:
        answer = stack.refresh(tokens["refresh"])
        if answer.status == 200:
            tokens.update(access=answer.json["access_token"], refresh=answer.json["refresh_token"])
            signed_by.add(header_of(tokens["access"])["kid"])
        return answer.status

    def old() -> str:
        return person.access_token

    def newest() -> str:
        return tokens["access"]

    askers = [
        refresh,
        *(profile(stack, entry_point, who) for entry_point in ("gateway", "user") for who in (old, newest)),
    ]
    with load(*askers) as seen:
        until(lambda: keys("rotate") == 0, "the next key being known everywhere")
        before = [counts.total() for counts in seen]
        until(
            lambda: len(signed_by) == 2 and all(c.total() > n + 3 for c, n in zip(seen, before, strict=True)),
            "requests of everybody after the rotation",
        )
    assert {status for counts in seen for status in counts} == {200}
    assert len(signed_by) == 2
    assert keys("rotate") == 1  # the key after this one is known to nobody yet
    becomes(stack, person.access_token, 200)


def test_a_redis_that_forgets_under_load_revives_no_token(protected_stack: ProtectedStack) -> None:
    stack = protected_stack
    gone, stays = stack.found("forgotten"), stack.found("remembered")
    assert stack.entry_points["gateway"].ask("POST", "/auth/logout", gone.bearer).status == 204

    def token(person: Person) -> Callable[[], str]:
        return lambda: person.access_token

    entry_points = ("gateway", "user", "auth")
    askers = [profile(stack, entry_point, token(person)) for person in (gone, stays) for entry_point in entry_points]
    with load(*askers) as seen, stack.valkey.client() as redis:
        for _ in range(30):
            redis.flushall()
            time.sleep(0.05)
        revoked, living = seen[: len(entry_points)], seen[len(entry_points) :]
        until(lambda: all(counts[401] > 3 for counts in revoked), "refusals at every entry point")
        until(lambda: all(counts[200] > 3 for counts in living), "answers at every entry point")
    assert {status for counts in revoked for status in counts} <= {401, 503}
    assert {status for counts in living for status in counts} <= {200, 503}

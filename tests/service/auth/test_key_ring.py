"""The ring of signing keys: it comes of age, is turned by hand, and nobody is logged out by either."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import jwt
import pytest

from heartguard_auth.keys import main
from heartguard_auth.settings import Settings
from heartguard_auth.wiring import create_app
from heartguard_common.core.lifecycle import LIFECYCLE
from tests.people import owner
from tests.service.auth.conftest import log_in, sign_up, with_token

DAY = 86_400


def kid(token):
    return jwt.get_unverified_header(token)["kid"]


def published(client):
    return [key["kid"] for key in client.get("/.well-known/jwks.json").json["keys"]]


def refresh(client, tokens):
    answer = client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert answer.status_code == 200, answer.data
    return answer.json


def status(client, tokens):
    return client.get("/auth/profile", headers=with_token(tokens)).status_code


@pytest.fixture
def keys(environ, capsys):
    """`heartguard keys ...` as the operator runs it: exit code, output, complaint."""

    def run(*arguments):
        code = main(arguments, environ)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_the_next_key_is_known_before_it_signs(client, founder, keys, clock):
    signing, following = published(client)
    assert kid(founder["access_token"]) == signing
    code, out, _ = keys("rotate")
    assert (code, out.split()[0]) == (0, following)
    clock.forward(1)  # the ring is read twice a second
    after = log_in(client, "user@hg.io").json
    assert kid(after["access_token"]) == following
    first, second, third = published(client)
    assert (first, second) == (following, signing)
    assert third not in (signing, following)


def test_a_rotation_ends_no_session(client, founder, keys, clock):
    assert keys("rotate")[0] == 0
    clock.forward(1)
    assert status(client, founder) == 200
    renewed = refresh(client, founder)
    assert kid(renewed["access_token"]) != kid(founder["access_token"])
    assert (status(client, renewed), status(client, founder)) == (200, 200)


def test_an_old_key_goes_when_its_last_token_has(client, founder, keys, clock):
    old = published(client)[0]
    keys("rotate")
    clock.forward(3599)
    assert old in published(client)
    # The command's clock is the real one, which has gone on since the test's was set.
    clock.forward(1 + 60 + 30)
    assert old not in published(client)


@pytest.mark.parametrize(("days", "turned"), [(89, False), (91, True)])
def test_the_age_of_the_stored_key_decides_at_the_next_start(start, environ, clock, events, days, turned):
    signing, following = published(start())
    clock.forward(days * DAY)
    client = start()  # another process, which has seen nothing
    assert published(client)[0] == (following if turned else signing)
    tokens = sign_up(client, "user@hg.io")
    assert kid(tokens["access_token"]) == (following if turned else signing)
    said = [event for event in events() if event["action"] == "auth.key_rotated"]
    assert [(it["actor"], it["resource"], it["payload"]) for it in said] == (
        [("service:auth", f"key:{following}", {"by": "age"})] if turned else []
    )


def test_many_processes_create_and_rotate_one_ring(environ, clock, database):
    for days in (0, 91):
        clock.forward(days * DAY)
        with ExitStack() as closing, ThreadPoolExecutor(8) as pool:
            # Made one after the other, since threads that compile at once fail in CPython 3.11 (gh-106905); no ring is
            # read before it is asked for.
            apps = [create_app(Settings.from_env(environ), clock) for _ in range(8)]
            for app in apps:
                closing.callback(app.extensions[LIFECYCLE].close)
            seen = list(pool.map(lambda app: published(app.test_client()), apps))
        assert seen == [seen[0]] * 8
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.signing_keys")
        assert cursor.fetchone() == (3,)


def test_a_retired_key_is_refused_at_once_and_sessions_go_on(client, founder, keys, clock, events):
    signing, following = published(client)
    code, out, _ = keys("retire", signing)
    assert (code, signing in out) == (0, True)
    assert status(client, founder) == 401  # no second has passed: the mark in Redis is enough
    clock.forward(1)
    renewed = refresh(client, founder)
    assert kid(renewed["access_token"]) == following
    assert status(client, renewed) == 200
    assert signing not in published(client)
    assert [event["actor"] for event in events() if event["action"] == "auth.key_retired"] == ["operator"]


def test_a_retired_key_stays_refused_when_redis_loses_its_data(client, founder, keys, valkey, start):
    keys("retire", kid(founder["access_token"]))
    with valkey.client() as redis:
        redis.flushall()
    assert status(client, founder) == 401
    assert status(start(), founder) == 401


def test_the_next_key_can_be_retired_too(client, founder, keys, clock):
    signing, following = published(client)
    assert keys("retire", following)[0] == 0
    clock.forward(1)
    first, second = published(client)
    assert first == signing
    assert second != following
    assert status(client, founder) == 200


@pytest.mark.parametrize("kid", ["no-such-key", "-begins_like_an_option"])  # base64url, RFC 7638 section 3
def test_an_unknown_key_is_reported(client, founder, keys, kid):
    code, out, complaint = keys("retire", kid)
    assert (code, out) == (1, "")
    assert f"there is no key {kid}" in complaint


def test_the_list_shows_every_key_and_no_secret(client, founder, keys, database):
    signing, following = published(client)
    code, out, _ = keys("list")
    lines = {line.split()[0]: line.split()[1] for line in out.splitlines()}
    assert code == 0
    assert lines == {"key": "state", following: "next", signing: "signing"}
    with owner(database) as cursor:
        cursor.execute("SELECT private_key FROM heartguard_core.signing_keys")
        assert not any(sealed in out for (sealed,) in cursor.fetchall())


def test_with_a_shared_secret_no_ring_can_be_rotated(environ, capsys):
    assert main(["rotate"], {**environ, "JWT_SECRET": "Zk3v9QpL7xT2mW8cR5yB1nH6dF4gJ0sA"}) == 1
    assert "JWT_SECRET_PREVIOUS" in capsys.readouterr().err


ANOTHER = "b7Qw2Er9Ty4Ui6Op1As3Df5Gh8Jk0LzXc"


def failed(client):
    answer = client.get("/auth/ready")
    states = {item["name"]: item["status"] for item in answer.json["dependencies"]}
    assert set(states) == {"postgresql", "redis", "keys"}
    return answer.status_code, [name for name, state in states.items() if state != "ok"]


def test_another_key_ring_secret_is_reported_and_signs_nothing(client, founder, start, capfd):
    assert failed(client) == (200, [])
    other = start(KEY_RING_SECRET=ANOTHER)
    assert failed(other) == (503, ["keys"])
    assert "KEY_RING_SECRET is not the one" in capfd.readouterr().err
    assert log_in(other, "user@hg.io").status_code == 503
    assert failed(client) == (200, [])


def test_a_next_key_that_could_not_sign_is_reported_before_its_turn(client, founder, environ, clock):
    old, _ = published(client)
    assert main(["retire", old], {**environ, "KEY_RING_SECRET": ANOTHER}) == 0
    clock.forward(1)
    assert failed(client) == (503, ["keys"])  # the key that was next signs, the next one is sealed under another secret
    assert log_in(client, "user@hg.io").status_code == 200


def test_with_a_lost_secret_retiring_both_keys_creates_a_new_ring(client, founder, environ, start):
    for kid_of_old in published(client):
        assert main(["retire", kid_of_old], {**environ, "KEY_RING_SECRET": ANOTHER}) == 0
    other = start(KEY_RING_SECRET=ANOTHER)
    assert failed(other) == (200, [])
    assert log_in(other, "user@hg.io").status_code == 200


def spoil(database, kid_of, column, value):
    with owner(database) as cursor:
        cursor.execute(f"UPDATE heartguard_core.signing_keys SET {column} = %s WHERE kid = %s", (value, kid_of))


def test_while_the_signing_key_is_unreadable_the_next_one_signs(client, founder, environ, start, database, capfd):
    signing, following = published(client)
    spoil(database, signing, "private_key", "no ciphertext")
    later = start()  # a process that has not read it before
    tokens = log_in(later, "user@hg.io").json
    assert kid(tokens["access_token"]) == following
    assert [status(one, it) for one in (client, later) for it in (tokens, founder)] == [200] * 4
    assert (failed(client), failed(later)) == ((503, ["keys"]), (503, ["keys"]))
    assert f"the key {signing} is sealed under" in capfd.readouterr().err
    assert main(["rotate"], environ) == 0
    assert failed(later) == (200, [])
    assert status(later, founder) == 200


@pytest.mark.parametrize("half", ["{}", '"x"', '{"kty": "EC", "crv": "P-256", "kid": "k", "x": "AA", "y": "AA"}'])
def test_a_key_with_an_unreadable_public_half_does_not_stop_the_others(client, founder, start, database, clock, half):
    signing, following = published(client)
    spoil(database, following, "public_jwk", half)
    clock.forward(1)
    for one in (client, start()):
        assert published(one) == [signing]
        assert (status(one, founder), log_in(one, "user@hg.io").status_code) == (200, 200)
        assert failed(one) == (503, ["keys"])

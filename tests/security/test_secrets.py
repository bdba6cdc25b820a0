"""No secret in a log, in the audit trail or in an error: after a run that puts them wherever they don't belong.

The whole of what the system tests did is looked through once more when the running system ends (`tests/running.py`).
"""

import itertools
import json
import time
from urllib.parse import quote, urlsplit

import psycopg2
import psycopg2.errors
import pytest
import requests

from heartguard_cli.embedded.postgres import PostgresCluster
from heartguard_cli.urls import libpq
from tests.leaks import PATTERNS, leaked, leaks
from tests.protection.callers import PASSWORD, Person, World
from tests.running import RunningSystem
from tests.security.lines import lines
from tests.security.raw_requests import request, send
from tests.servers import until

_numbers = itertools.count(time.time_ns() % 10**9)


def secrets_of(world: World, who: Person) -> dict[str, str]:
    """What a person holds, and a signed URL's signature."""
    url = world.call("GET", f"/media/items/{world.upload(who)}/download", who)["url"]
    code = world.call("POST", "/auth/password/code", world.founders["own"], json={"user_id": who.user_id})["code"]
    return {
        "password": PASSWORD,
        "access token": who.access_token,
        "refresh token": who.refresh_token,
        "reset code": code,
        "API key": world.call("POST", "/auth/api-keys", who, json={"kind": "device", "name": "watch"})["key"],
        "signature": urlsplit(url).query.rpartition("signature=")[2],
        "e-mail": who.email,
    }


def misplaced(url: str, secret: str, who: Person) -> list[requests.Response]:
    """Requests with a secret where none belongs."""
    there = quote(secret, safe="")
    mine = {**who.bearer, "Content-Type": "application/json"}
    answers = [
        requests.request(method, url + path, headers=headers, data=body, timeout=60)
        for method, path, headers, body in (
            ("GET", f"/{there}", {}, None),
            ("GET", f"/users/{there}", mine, None),
            ("GET", f"/timeseries/buckets/{there}", mine, None),
            ("DELETE", f"/timeseries/buckets/{there}", mine, None),
            ("GET", f"/schemas/{there}", {}, None),
            ("GET", f"/users/me?access_token={there}", mine, None),
            ("GET", f"/media/content/01890000-0000-7000-8000-000000000000?expires=1&signature={there}", {}, None),
            ("GET", "/users/me", {"Authorization": f"Bearer {secret}x"}, None),
            ("GET", "/users/me", {"Authorization": secret}, None),
            ("GET", "/users/me", {**mine, "User-Agent": secret, "Referer": f"https://x/?t={secret}"}, None),
            ("POST", "/auth/login", mine, json.dumps({"email": secret, "password": secret})),
            (
                "POST",
                "/auth/login",
                mine,
                json.dumps({"email": f"{secret}@hg.io", "password": secret + "x", "x": secret}),
            ),
            ("POST", "/auth/login", mine, json.dumps({"email": [secret], "password": {"x": secret}})),
            ("POST", "/auth/login", mine, '{"password":"' + secret),
            ("POST", "/auth/refresh", mine, json.dumps({"refresh_token": secret + "x"})),
            ("POST", "/auth/password/reset", mine, json.dumps({"code": secret + "x", "new_password": secret})),
            ("POST", "/timeseries/query", mine, json.dumps({"bucket": secret, "cursor": secret})),
            ("PATCH", f"/users/{who.user_id}", mine, json.dumps({"role": secret})),
        )
    ]
    parser = request("GET", f"/users/me?password={there}", f"X-Odd: {secret}\x00")
    assert send(url, parser).status == 400
    return answers


@pytest.mark.parametrize("entry_point", ["gateway", "user", "auth", "media"])
def test_a_secret_in_the_wrong_place_is_not_logged(
    running_system: RunningSystem, world: World, entry_point: str
) -> None:
    who = world.member("user")
    secrets = secrets_of(world, who)
    for kind, secret in secrets.items():
        for answer in misplaced(world.urls[entry_point], secret, who):
            assert answer.status_code != 500, (kind, answer.url, answer.text)
            if answer.status_code >= 400:
                assert secret not in answer.text, (kind, answer.url, answer.text)
                assert not leaks(answer.text), (kind, answer.url, answer.text)
    mark = f"end-{next(_numbers)}"
    requests.get(world.urls["gateway"] + "/users/me", headers={**who.bearer, "X-Request-ID": mark}, timeout=60)
    lines(running_system.clone, [mark])
    world.event(who)  # what came before it is in the trail by then
    assert leaked(running_system.clone, secrets.values()) == []


def test_a_refused_statement_is_not_logged_by_the_database(running_system: RunningSystem) -> None:
    clone, phrase = running_system.clone, f"phrase-{next(_numbers)}"
    cluster = PostgresCluster(clone.layout.var / "pg", clone.ports["postgres"])
    log = clone.layout.log / "postgres.log"
    before = log.read_text().count("division by zero")
    connection = psycopg2.connect(libpq(cluster.url()))
    with connection.cursor() as cursor, pytest.raises(psycopg2.errors.DivisionByZero):
        cursor.execute("SELECT %s, 1 / 0", (phrase,))
    connection.close()
    until(lambda: log.read_text().count("division by zero") > before, "the server's line")
    assert phrase not in log.read_text()


# One of each kind, as a log would hold it.
PLANTED = {
    "a token": "bad token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMiJ9.c2lnbmF0dXJl",
    "credentials": "Authorization: Bearer op-7Vd2Kx9Qm4Zr1Tb8",
    "an API key": "no such key hg_dev_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17",
    "a refresh token": '"refresh_token": "i_-zGNb7kO0kgU5det-kHfqiEcMs-PxhKuHssqNZx64"',
    "a signature of a URL": "/media/content/x?expires=1&signature=abcdefgh12345678",
    "a private key": "-----BEGIN EC PRIVATE KEY-----",
    "a hash of a password": "$argon2id$v=19$m=65536",
    "a password in a URL": "redis://:pa55word@127.0.0.1:6379/0",
    "an e-mail address": "no user anna@clinic.example",
}


@pytest.mark.parametrize("kind", PATTERNS)
def test_the_leak_search_finds_planted_secrets(running_system: RunningSystem, kind: str) -> None:
    """In the log of a service: a search that finds nothing proves something only where it would find."""
    file = running_system.clone.layout.log / "planted"
    file.write_text(json.dumps({"service": "user", "message": PLANTED[kind]}) + "\n")
    try:
        # in JSON a quote is escaped; the raw line is the harder case, and the log of PostgreSQL is such
        file.write_text(PLANTED[kind] + "\n")
        found = leaked(running_system.clone)
    finally:
        file.unlink()
    assert [line for line in found if line.startswith(f"planted: {kind}")]


def test_the_leak_search_knows_the_generated_secrets(running_system: RunningSystem, world: World) -> None:
    operator = running_system.operator["Authorization"].removeprefix("Bearer ")
    file = running_system.clone.layout.log / "planted"
    for secret in (operator, "a very own secret", "Secret123"):
        file.write_text(f"something with {secret} in it\n")
        try:
            found = leaked(running_system.clone, ["a very own secret"])
        finally:
            file.unlink()
        assert [line for line in found if line.startswith("planted: the secret")]


def test_the_leak_search_reads_the_audit_trail(running_system: RunningSystem, world: World) -> None:
    """What an admin writes of their own accord is masked, and a phrase that no mask knows is found there."""
    admin = world.founders["own"]
    phrase = f"phrase-{next(_numbers)}"
    said = {"actor": "anna@clinic.example", "action": phrase, "service": "portal", "resource": "of anna@clinic.example"}
    world.call("POST", "/audit/events", admin, json=said)
    until(lambda: leaked(running_system.clone, [phrase]), "the phrase in the trail")
    assert [line.partition(":")[0] for line in leaked(running_system.clone, [phrase])] == ["audit_events"]

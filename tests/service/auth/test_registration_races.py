"""Registration is all or nothing, and one address is one account, whoever is killed and whoever is faster."""

import multiprocessing
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from heartguard_auth.settings import Settings
from heartguard_auth.wiring import create_app
from heartguard_cli.urls import libpq
from heartguard_common.core.lifecycle import LIFECYCLE
from tests.people import LIGHT, owner
from tests.servers import until
from tests.service.auth.registrar import register_for_ever
from tests.tokens import settings_environ

ROUNDS = int(os.environ.get("HEARTGUARD_KILL_ROUNDS", "8"))  # each at another moment; 20 take two minutes
ORPHANS = """
SELECT (SELECT count(*) FROM heartguard_core.organizations o WHERE NOT EXISTS (
            SELECT FROM heartguard_core.users u WHERE u.org_id = o.id AND u.role = 'admin')),
       (SELECT count(*) FROM heartguard_core.users u WHERE NOT EXISTS (
            SELECT FROM heartguard_core.organizations o WHERE o.id = u.org_id))
"""


def whole(database, answered):
    """No organization without its founder, no person without organization, nobody acknowledged is missing."""
    with owner(database) as cursor:
        cursor.execute(ORPHANS)
        assert cursor.fetchone() == (0, 0)
        cursor.execute("SELECT email FROM heartguard_core.users")
        assert answered - {email for (email,) in cursor.fetchall()} == set()


def variant(number):
    """A spelling of one address: bits of the number say which of the first letters are capitals."""
    capitals = "".join(letter.upper() if number >> place & 1 else letter for place, letter in enumerate("someperson"))
    return f"{capitals}@race.example"


def test_fifty_at_once_in_fifty_spellings_are_one_account(start, database):
    app, barrier = start().application, threading.Barrier(50)

    def register(number):
        body = {"email": variant(number), "password": "a long enough password"}
        headers = {"X-Forwarded-For": f"203.0.113.{number}"}
        barrier.wait(60)
        while True:  # a busy machine's pool may have no connection in time, which says so and leaves nothing behind
            answer = app.test_client().post("/auth/register", json=body, headers=headers)
            if answer.status_code != 503:
                return answer

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(register, range(50)))
    assert len({variant(number) for number in range(50)}) == 50
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    assert {answer.json["error"]["code"] for answer in answers if answer.status_code == 409} == {"AUTH_002"}
    with owner(database) as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT org_id) FROM heartguard_core.users")
        assert cursor.fetchone() == (1, 1)
        cursor.execute("SELECT count(*) FROM heartguard_core.organizations")
        assert cursor.fetchone() == (1,)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A@x.io", "a@x.io"),
        ("\uff41nn@x.io", "ann@x.io"),
        ("\u017fam@x.io", "sam@x.io"),
        ("stra\u00dfe@x.io", "STRASSE@x.io"),
        ("e\u0301va@x.io", "\u00c9va@x.io"),
        ("\u212aim@x.io", "kim@x.io"),
        ("\u1e9eo@x.io", "sso@x.io"),
    ],
)
def test_the_database_itself_refuses_another_spelling(database, one, other):
    with owner(database) as cursor:
        cursor.execute("INSERT INTO heartguard_core.organizations (name) VALUES ('x') RETURNING id")
        org = cursor.fetchone()
        add = "INSERT INTO heartguard_core.users (org_id, role, email) VALUES (%s, 'user', %s)"
        cursor.execute(add, (*org, one))
        with pytest.raises(psycopg2.errors.UniqueViolation):
            cursor.execute(add, (*org, other))


def test_no_service_writes_the_reading_itself(database):
    with psycopg2.connect(libpq(database.url_for("auth"))) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.Error) as refused:
            cursor.execute("UPDATE heartguard_core.users SET email_key = 'x'")
        assert refused.value.pgcode in ("42501", "428C9")
    connection.close()


@pytest.mark.parametrize("member", [{"org_id": 1}, {"id": 1}, {"active": True}, {"user_id": 1}])
def test_a_registration_body_cannot_give_rights(client, member):
    body = {"email": "a@race.example", "password": "a long enough password", **member}
    answer = client.post("/auth/register", json=body)
    assert (answer.status_code, answer.json["error"]["details"][0]["path"]) == (422, f"/{next(iter(member))}")


@pytest.mark.parametrize("role", ["user", "manager"])
def test_an_organization_is_founded_by_its_admin_only(client, database, role):
    body = {"email": "a@race.example", "password": "a long enough password", "role": role}
    assert client.post("/auth/register", json=body).status_code == 403
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.organizations")
        assert cursor.fetchone() == (0,)


def test_auth_killed_at_any_moment_leaves_nothing_half_done(environ, database):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["heartguard_auth.wiring"])
    answered, moments = set(), random.Random(5001)
    for number in range(ROUNDS):
        receiver, results = context.Pipe(duplex=False)
        process = context.Process(target=register_for_ever, args=(environ, f"r{number}", results), daemon=True)
        process.start()
        results.close()
        assert receiver.poll(60), "the first registration"
        threading.Event().wait(moments.random() * 0.08)
        process.kill()
        process.join()
        try:
            while True:
                answered.add(receiver.recv())
        except EOFError:
            receiver.close()
        whole(database, answered)
    assert "" not in answered
    assert len(answered) >= ROUNDS


def test_postgresql_killed_at_any_moment_leaves_nothing_half_done(own_postgres, redis_url):
    moments = random.Random(5432)
    with own_postgres.database() as database:
        app = create_app(Settings.from_env(settings_environ("auth", database, redis_url)), hasher=LIGHT)
        for number in range(3):
            answered, stop = set(), threading.Event()

            def register(thread, number=number, answered=answered, stop=stop):
                client = app.test_client()
                for turn in range(10_000):
                    if stop.is_set():
                        return
                    body = {"email": f"p{number}.{thread}.{turn}@race.example", "password": "a long enough password"}
                    answer = client.post("/auth/register", json=body)
                    assert answer.status_code in (201, 503), answer.data
                    if answer.status_code == 201:
                        answered.add(body["email"])

            with ThreadPoolExecutor(3) as threads:
                running = [threads.submit(register, thread) for thread in range(3)]
                until(lambda answered=answered: len(answered) > 3, "some registrations")
                threading.Event().wait(moments.random() * 0.1)
                own_postgres.kill()
                stop.set()
            assert [task.exception() for task in running] == [None] * 3
            own_postgres.start()
            whole(database, answered)
        app.extensions[LIFECYCLE].close()

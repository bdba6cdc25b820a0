"""What nobody can use any more is not kept: sessions with addresses and devices, revocations, answers under a key."""

from heartguard_auth.store.revocations import Revocations
from heartguard_auth.store.sessions import PostgresSessions
from heartguard_auth.wiring import purge
from heartguard_common.clock import NANOSECONDS
from heartguard_common.database import Database
from heartguard_common.idempotency import IdempotencyKeys, Recorded
from heartguard_common.revocation import key
from heartguard_common.store_redis import make_redis
from tests.people import owner
from tests.servers import until
from tests.service.auth.conftest import log_in, with_token

DAY = 86_400.0
UNUSED = 14 * DAY


def count(database, table):
    with owner(database) as cursor:
        cursor.execute(f"SELECT count(*) FROM heartguard_core.{table}")
        return cursor.fetchone()[0]


def test_sessions_go_when_nobody_could_continue_them_and_not_before(client, founder, database, redis_url, clock):
    opened, redis = Database(database.url_for("auth")), make_redis(redis_url)
    sessions = PostgresSessions(opened, clock, unused_seconds=int(UNUSED))
    revocations = Revocations(opened, redis, clock)
    revocations.add("sid", ["short"], "logout", clock.now_ns() + NANOSECONDS)
    purge(sessions, revocations)
    assert (count(database, "sessions"), count(database, "revoked_tokens")) == (1, 1)
    clock.forward(UNUSED - 60)
    assert client.post("/auth/refresh", json={"refresh_token": founder["refresh_token"]}).status_code == 200
    log_in(client, "user@hg.io", "Secret123")
    clock.forward(120)
    purge(sessions, revocations)
    assert (count(database, "sessions"), count(database, "revoked_tokens")) == (2, 0)
    clock.forward(UNUSED)
    purge(sessions, revocations)
    assert (count(database, "sessions"), count(database, "refresh_tokens")) == (0, 0)
    assert client.post("/auth/refresh", json={"refresh_token": founder["refresh_token"]}).status_code == 401
    opened.close()
    redis.close()


def test_a_logout_of_all_counts_the_sessions_that_could_be_used(client, founder, clock, database):
    clock.forward(UNUSED + 1)
    pair = log_in(client, "user@hg.io", "Secret123").json
    answer = client.post("/auth/logout", json={"scope": "all"}, headers=with_token(pair))
    assert answer.status_code == 204
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.revoked_tokens WHERE kind = 'sid'")
        assert cursor.fetchone() == (1,)


def test_answers_under_a_key_go_after_a_day(database, clock):
    opened = Database(database.url_for("media"))
    keys = IdempotencyKeys("media", opened, clock)
    for name in ("one", "two"):
        keys.once("user:1", "media.upload", name, "hash", lambda _: Recorded(201, {}, b"kept"))
    clock.forward(DAY - 120)
    keys.once("user:1", "media.upload", "three", "hash", lambda _: Recorded(201, {}, b"kept"))
    assert count(database, "idempotency_keys") == 3
    clock.forward(240)
    keys.once("user:2", "media.upload", "four", "hash", lambda _: Recorded(201, {}, b"kept"))
    assert count(database, "idempotency_keys") == 2
    opened.close()


def test_a_service_that_starts_purges_and_copies_by_itself(start, client, founder, database, redis_url, clock):
    opened, redis = Database(database.url_for("auth")), make_redis(redis_url)
    clock.forward(UNUSED + 1)
    Revocations(opened, redis, clock).add("sid", ["missing"], "logout", clock.now_ns() + 60 * NANOSECONDS)
    start()
    until(lambda: count(database, "sessions") == 0, "the purge", 5)
    until(lambda: redis.exists(key("sid", "missing")) == 1, "the copy", 5)
    opened.close()
    redis.close()

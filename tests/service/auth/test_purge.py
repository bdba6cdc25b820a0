"""What nobody can use any more is not kept: sessions with addresses and devices, revocations, answers under a key."""

from heartguard_auth.domain import Lock
from heartguard_auth.store.locks import PostgresLocks
from heartguard_auth.store.refresh_tokens import SignedRefreshTokens
from heartguard_auth.store.revocations import Revocations
from heartguard_auth.store.sessions import PostgresSessions
from heartguard_auth.wiring import purge
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.http.idempotency import IdempotencyKeys, Recorded
from heartguard_common.identity.revocation import key
from heartguard_common.stores.database import Database
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_common.stores.redis_client import make_redis
from tests.people import owner
from tests.servers import until
from tests.service.auth.conftest import log_in, with_token

DAY = 86_400.0
UNUSED = 14 * DAY


def count(database, table):
    with owner(database) as cursor:
        cursor.execute(f"SELECT count(*) FROM heartguard_core.{table}")
        return cursor.fetchone()[0]


def test_sessions_are_purged_when_they_can_no_longer_continue(client, founder, database, redis_url, clock):
    opened, redis = Database(database.url_for("auth")), make_redis(redis_url)
    sessions = PostgresSessions(opened, clock, unused_seconds=int(UNUSED))
    revocations = Revocations(opened, redis, clock)
    locks = PostgresLocks(opened, clock)
    locks.begin([Lock("account", "", clock.now_ns() + NANOSECONDS)])
    more = (locks.purge, PostgresLimits(opened, clock, {}).sweep)
    revocations.add("sid", ["short"], "logout", clock.now_ns() + NANOSECONDS)
    purge(sessions, revocations, more)
    assert (count(database, "sessions"), count(database, "revoked_tokens")) == (1, 1)
    assert count(database, "login_locks") == 1
    clock.forward(UNUSED - 60)
    assert client.post("/auth/refresh", json={"refresh_token": founder["refresh_token"]}).status_code == 200
    log_in(client, "user@hg.io", "Secret123")
    clock.forward(120)
    purge(sessions, revocations, more)
    assert (count(database, "sessions"), count(database, "revoked_tokens")) == (2, 0)
    assert count(database, "login_locks") == 0
    clock.forward(UNUSED)
    purge(sessions, revocations, more)
    assert (count(database, "sessions"), count(database, "refresh_tokens")) == (0, 0)
    assert client.post("/auth/refresh", json={"refresh_token": founder["refresh_token"]}).status_code == 401
    opened.close()
    redis.close()


def refresh(client, token):
    return client.post("/auth/refresh", json={"refresh_token": token})


def test_a_session_keeps_as_many_rows_as_it_has_live_access_tokens_and_notices_any_replay(
    client, founder, database, redis_url, clock
):
    opened, redis = Database(database.url_for("auth")), make_redis(redis_url)
    sessions = PostgresSessions(opened, clock, unused_seconds=int(UNUSED))
    revocations = Revocations(opened, redis, clock)
    tokens = [founder["refresh_token"]]
    for _ in range(30):
        clock.forward(600)  # six an hour, and an access token lives for one
        tokens.append(refresh(client, tokens[-1]).json["refresh_token"])
        purge(sessions, revocations)
        assert count(database, "refresh_tokens") <= 7
    lost = refresh(client, tokens[-1]).json["refresh_token"]
    assert refresh(client, tokens[-1]).json["refresh_token"] == lost  # the answer was lost: it is given again
    # The oldest has no row any more, and still ends the session of whoever stole it.
    assert refresh(client, tokens[0]).status_code == 401
    assert refresh(client, lost).status_code == 401
    opened.close()
    redis.close()


def test_the_row_of_a_token_from_before_it_was_signed_stays_until_it_expires(client, founder, database, clock):
    opened = Database(database.url_for("auth"))
    refresh(client, founder["refresh_token"])
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.refresh_tokens SET signed = false")
    sessions = PostgresSessions(opened, clock, unused_seconds=int(UNUSED))
    clock.forward(UNUSED - 60)
    assert (sessions.purge_tokens(), count(database, "refresh_tokens")) == (0, 2)
    clock.forward(120)
    assert (sessions.purge_tokens(), count(database, "refresh_tokens")) == (1, 1)
    opened.close()


def test_a_token_names_its_session_to_its_issuer_until_it_expires():
    session, now = "0198c1d2-0000-7000-8000-00000000000a", 1_800_000_000 * NANOSECONDS
    tokens = SignedRefreshTokens("one secret of thirty-two letters")
    token = tokens.make(session, now + NANOSECONDS)
    assert tokens.session_of(token, now) == session
    assert tokens.session_of(token, now + NANOSECONDS) is None
    assert SignedRefreshTokens("another").session_of(token, now) is None
    for place in range(len(token)):
        letter = "A" if token[place] != "A" else "B"
        assert tokens.session_of(token[:place] + letter + token[place + 1 :], now) is None
    for text in ("", "x", token[:-4], token + "AAAA", token + "=", "ñ" * 80):
        assert tokens.session_of(text, now) is None


def test_invitations_and_codes_that_have_expired_go(start, founder, client, database, clock):
    for document, path in (({"email": "a@hg.io", "role": "user"}, "invitations"), ({"user_id": 1}, "password/code")):
        assert client.post(f"/auth/{path}", json=document, headers=with_token(founder)).status_code in (200, 201)
    clock.forward(8 * DAY)
    start()
    until(lambda: count(database, "invitations") == count(database, "password_resets") == 0, "the purge")


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
    until(lambda: count(database, "sessions") == 0, "the purge")
    until(lambda: redis.exists(key("sid", "missing")) == 1, "the copy")
    opened.close()
    redis.close()

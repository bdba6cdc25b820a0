"""The locks of writers and deletions, on a real PostgreSQL. Who may store what, and in which order."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority_store import PostgresAuthority
from heartguard_common.stores.database import Database as Pool
from tests.people import found, join, owner
from tests.servers import Database, until

WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock' AND query ~ 'await_writers|UPDATE'
"""


@pytest.fixture
def pool(database: Database) -> Iterator[Pool]:
    pool = Pool(database.url_for("media"))
    yield pool
    pool.close()


@pytest.fixture
def authority(pool: Pool) -> PostgresAuthority:
    return PostgresAuthority(pool)


def member(database: Database, role: str = "user") -> Principal:
    org = found(database)
    return Principal("person", role, user_id=join(database, org, role), org_id=org, session_id="s", token_id="t")


def waits(database: Database) -> bool:
    # Only a superuser sees what the sessions of other roles wait for.
    with database.server.superuser(database.name) as connection, connection.cursor() as cursor:
        cursor.execute(WAITING, (database.name,))
        return bool(cursor.fetchone()[0])


def execute(database: Database, statement: str, number: int | None) -> None:
    with owner(database) as cursor:
        cursor.execute(statement, (number,))


MARK = "UPDATE heartguard_core.users SET deleted_at = now() WHERE id = %s"
CLOSE = "UPDATE heartguard_core.organizations SET closed_at = now() WHERE id = %s"


@pytest.mark.parametrize("crowd", [0, 100], ids=["one person", "more people than are locked one by one"])
@pytest.mark.parametrize("whose", ["person", "organization"])
def test_a_deletion_waits_for_running_writes_and_later_ones_are_refused(
    database: Database, pool: Pool, authority: PostgresAuthority, whose: str, crowd: int
) -> None:
    me = member(database)
    assert me.org_id is not None
    subject = (me.org_id, me.user_id if whose == "person" else None)
    others = range(1000, 1000 + crowd)
    assert authority.wait_for_writers(*subject) is None, "nothing is marked yet"
    with ThreadPoolExecutor(1) as threads:
        with pool.transaction():
            assert authority.require_writer(me, others) == frozenset()
            execute(database, *((MARK, me.user_id) if whose == "person" else (CLOSE, me.org_id)))
            waiting = threads.submit(authority.wait_for_writers, *subject)
            until(lambda: waits(database), "the wait for the writer")
            assert not waiting.done()
        seconds = waiting.result(20)
    assert seconds is not None
    assert 0 <= seconds < 30
    with pytest.raises(ServiceError) as raised:
        authority.require_writer(me, others)
    assert raised.value.row.code == "GEN_401_TOKEN"
    assert not authority.admits(*subject)


def test_a_deletion_does_not_wait_for_writes_of_others(
    database: Database, pool: Pool, authority: PostgresAuthority
) -> None:
    me, stranger = member(database), member(database)
    assert me.org_id is not None
    execute(database, MARK, me.user_id)
    execute(database, CLOSE, me.org_id)
    with pool.transaction():
        authority.require_writer(stranger)
        with ThreadPoolExecutor(1) as threads:
            for whose in (me.user_id, None):
                assert threads.submit(authority.wait_for_writers, me.org_id, whose).result(20) is not None


def test_deleted_members_of_a_batch_are_named_for_the_organization_only(
    database: Database, authority: PostgresAuthority
) -> None:
    me, stranger = member(database, "admin"), member(database)
    assert me.org_id is not None
    gone = join(database, me.org_id)
    for one in (gone, stranger.user_id):
        execute(database, MARK, one)
    numbers = [gone, stranger.user_id or 0, 10**17, 999_999]
    assert authority.require_writer(me, numbers) == {gone}
    assert not authority.admits(me.org_id, gone)
    assert authority.admits(me.org_id)


def test_a_privileged_change_locks_the_row_of_its_actor(
    database: Database, pool: Pool, authority: PostgresAuthority
) -> None:
    admin = member(database, "admin")
    with ThreadPoolExecutor(1) as threads:
        with pool.transaction():
            authority.require_actor(admin)
            demote = "UPDATE heartguard_core.users SET role = 'user' WHERE id = %s"
            demoted = threads.submit(execute, database, demote, admin.user_id)
            until(lambda: waits(database), "the wait for the actor's row")
            assert not demoted.done()
        demoted.result(20)
    with pytest.raises(ServiceError):
        authority.require_actor(admin)


@pytest.mark.parametrize("kind", ["jti", "sid", "kid"])
def test_a_session_revoked_in_the_database_is_refused(
    database: Database, authority: PostgresAuthority, kind: str
) -> None:
    me = member(database, "admin")
    me = Principal(**{**vars(me), "key_id": "k"})
    authority.require_actor(me)
    value = {"jti": "t", "sid": "s", "kid": "k"}[kind]
    with owner(database) as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.revoked_tokens VALUES (%s, %s, 'test', now(), now() + interval '1 hour')",
            (kind, value),
        )
    for require in (authority.require_actor, authority.require_writer):
        with pytest.raises(ServiceError):
            require(me)

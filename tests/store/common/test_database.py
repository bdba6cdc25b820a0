"""The pool of connections, against a real PostgreSQL that ends sessions under it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from heartguard_common.core import deadline
from heartguard_common.core.errors import ServiceError
from heartguard_common.stores.database import Connection, Database, prepared, text
from tests import servers

PID = text("SELECT pg_backend_pid() AS pid")
FOUND = text("INSERT INTO heartguard_core.organizations (name) VALUES (:name) RETURNING id, name")
FOUND_PREPARED = prepared("INSERT INTO heartguard_core.organizations (name) VALUES (:name) RETURNING name", name="text")
NAMES = text("SELECT name FROM heartguard_core.organizations ORDER BY id")


@pytest.fixture
def pool(database: servers.Database):
    pool = Database(database.owner_url, pool_size=1)
    yield pool
    pool.close()


def names(pool: Database) -> list[str]:
    with pool.transaction() as connection:
        return list(connection.execute(NAMES).scalars())


def test_one_statement_is_a_transaction_by_itself(pool: Database) -> None:
    assert pool.one(FOUND, {"name": "Clinic 1"}).name == "Clinic 1"
    assert names(pool) == ["Clinic 1"]
    assert pool.one(text("SELECT 1 AS one WHERE false"), {}) is None


def test_a_statement_inside_a_transaction_is_part_of_it(pool: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        _found_and_fail(pool)
    assert names(pool) == []


def test_a_refused_statement_leaves_a_connection_that_still_rolls_back(pool: Database) -> None:
    with pytest.raises(Exception, match="null value"):
        pool.one(FOUND, {"name": None})
    with pytest.raises(ZeroDivisionError):
        _found_and_fail(pool)
    assert names(pool) == []


def test_a_prepared_statement_is_planned_once_a_session(pool: Database) -> None:
    planned = text("SELECT count(*) FROM pg_prepared_statements")
    assert pool.one(FOUND_PREPARED, {"name": "100%"}).name == "100%"
    with pool.transaction() as connection:
        assert connection.execute(FOUND_PREPARED, {"name": "Clinic 2"}).rowcount == 1
    assert pool.run(planned).scalar_one() == 1
    assert names(pool) == ["100%", "Clinic 2"]


def test_a_session_in_which_preparing_failed_is_not_used_again(pool: Database) -> None:
    before = pool.one(PID, {}).pid
    with pytest.raises(Exception, match="null value"):
        pool.one(FOUND_PREPARED, {"name": None})
    assert pool.one(PID, {}).pid != before
    assert pool.one(FOUND_PREPARED, {"name": "Clinic 1"}).name == "Clinic 1"


def test_a_session_that_the_server_ended_is_replaced(pool: Database, database: servers.Database) -> None:
    for ask in (lambda: pool.one(PID, {}).pid, lambda: _pid_in_transaction(pool)):
        before = ask()
        _end(database, before)
        assert ask() != before


def test_a_session_that_ends_under_a_statement_is_a_503_and_the_next_one_works(pool: Database) -> None:
    pid = pool.one(PID, {}).pid
    # It ends the session from inside: no thread, and no race.
    with pytest.raises(ServiceError) as caught:
        pool.one(text("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)"), {})
    assert caught.value.error_code.code == "GEN_503"
    assert pool.one(PID, {}).pid != pid


def test_no_connection_within_a_second_is_a_503(pool: Database) -> None:
    with pool.transaction():
        code = _refused_elsewhere(pool)
    assert code == "GEN_503"


def test_a_statement_ends_at_the_deadline_of_its_request_without_an_outage(pool: Database) -> None:
    pid = _pid_in_transaction(pool)
    with pytest.raises(ServiceError) as caught, deadline.within(0.2), pool.transaction() as connection:
        connection.execute(text("SELECT pg_sleep(20)"))
    assert (caught.value.error_code.code, caught.value.error_code.status) == ("GEN_422_TIME", 422)
    assert "longer than 0.2 s" in caught.value.message
    with pool.transaction() as connection:  # the same session, without a bound
        assert connection.execute(PID).scalar_one() == pid
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "0"


def test_a_statement_by_itself_ends_at_the_deadline_too(pool: Database) -> None:
    pid = pool.one(PID, {}).pid
    with pytest.raises(ServiceError) as caught, deadline.within(0.2):
        pool.run(text("SELECT pg_sleep(20)"))
    assert caught.value.error_code.code == "GEN_422_TIME"
    with deadline.within(20):
        assert pool.one(PID, {}).pid == pid
    assert pool.run(text("SHOW statement_timeout")).scalar_one() == "0"


def test_many_short_statements_end_at_the_deadline_too(pool: Database) -> None:
    def ask(connection: Connection) -> None:
        while True:
            connection.execute(text("SELECT pg_sleep(0.01)"))

    with pytest.raises(ServiceError) as caught, deadline.within(0.1), pool.transaction() as connection:
        ask(connection)
    assert caught.value.error_code.code == "GEN_422_TIME"


def test_a_bounded_transaction_can_set_its_isolation_level(pool: Database) -> None:
    with deadline.within(10), pool.transaction() as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "repeatable read"
        assert connection.execute(text("SELECT cast(:word AS text) || '%'"), {"word": "100"}).scalar_one() == "100%"


def _found_and_fail(pool: Database) -> None:
    with pool.transaction() as connection:
        assert pool.one(FOUND, {"name": "Clinic 1"}).name == "Clinic 1"
        connection.execute(FOUND, {"name": "Clinic 2"})
        raise ZeroDivisionError


def _pid_in_transaction(pool: Database) -> int:
    with pool.transaction() as connection:
        return int(connection.execute(PID).scalar_one())


def _end(database: servers.Database, pid: int) -> None:
    with database.server.superuser() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        assert cursor.fetchone() == (True,)


def _refused_elsewhere(pool: Database) -> str:
    """The code that a statement of another thread gets, which is in no transaction of ours."""
    with ThreadPoolExecutor(1) as other:
        try:
            other.submit(pool.one, PID, {}).result()
        except ServiceError as error:
            return error.error_code.code
    return "none"

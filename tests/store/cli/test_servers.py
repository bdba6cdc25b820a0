"""The servers the other tests stand on: real, ours alone, and back after a kill with what they acknowledged."""

import psycopg2
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from heartguard_cli.urls import libpq
from tests.servers import Database, Postgres, Valkey


def test_valkey_keeps_acknowledged_writes_after_a_kill(valkey_server: Valkey) -> None:
    with valkey_server.client() as client:
        client.set("k", "v")
    valkey_server.kill()
    assert not valkey_server.running
    valkey_server.start()
    with valkey_server.client() as client:
        assert client.get("k") == b"v"


def test_valkey_asks_for_its_password(valkey: Valkey) -> None:
    stranger = redis.Redis(port=valkey.port, socket_timeout=1, retry=Retry(NoBackoff(), 0))
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_frozen_valkey_times_out_and_comes_back(valkey_server: Valkey) -> None:
    with valkey_server.client(seconds=1) as client:
        client.ping()
        valkey_server.freeze()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        valkey_server.thaw()
    with valkey_server.client() as client:
        assert client.ping()


def test_postgres_keeps_committed_rows_after_a_kill(own_postgres: Postgres) -> None:
    own_postgres.execute("CREATE TABLE {t} AS SELECT 7 AS x", t="kept")
    own_postgres.kill()
    own_postgres.start()
    with own_postgres.superuser() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT x FROM kept")
        assert cursor.fetchone() == (7,)


def test_postgres_trusts_nobody(postgres_server: Postgres) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(libpq(f"postgresql://postgres:wrong@127.0.0.1:{postgres_server.cluster.port}/postgres"))


def test_the_owner_is_no_superuser(postgres_server: Postgres) -> None:
    with postgres_server.empty_database() as database:
        connection = psycopg2.connect(libpq(database.owner_url))
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user")
            assert cursor.fetchone() == (False, True)
        connection.close()


def test_each_service_logs_in_as_its_own_role(database: Database) -> None:
    for service in database.passwords:
        connection = psycopg2.connect(libpq(database.url_for(service)))
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == (f"heartguard_{service}",)
        connection.close()

"""PostgreSQL and Redis behind TLS: every client of ours verifies the certificate and the name in it, or refuses."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
import redis
from sqlalchemy.engine import make_url

from heartguard_cli import checks, migrate
from heartguard_cli.backup import postgres
from heartguard_cli.environment import ROLES
from heartguard_cli.errors import CommandError
from heartguard_common.core import redis_urls
from heartguard_common.stores.database import Database as Pool
from heartguard_common.stores.redis_client import make_redis
from heartguard_gateway.redis_client.commands import RedisUnavailable
from heartguard_gateway.redis_client.connection import RedisConnection
from tests.servers import Database, Postgres, Valkey
from tests.tls import Authority, front

Secured = Callable[..., str]
WRONG = {
    "an authority that nobody trusts": {"ca": "stranger"},
    "a name that the certificate lacks": {"host": "localhost"},
}


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Authority]:
    directory = tmp_path_factory.mktemp("tls")
    return {name: Authority.make(directory, name) for name in ("authority", "stranger")}


@pytest.fixture(scope="module")
def context(authorities: dict[str, Authority]) -> ssl.SSLContext:
    return authorities["authority"].server()


@pytest.fixture(scope="module")
def secured(postgres_server: Postgres, authorities: dict[str, Authority], context: ssl.SSLContext) -> Iterator[Secured]:
    """A database URL as an operator writes it for a server that takes nothing but TLS."""
    with front(postgres_server.cluster.port, context, postgres=True) as port:

        def url(plain: str, *, mode: str = "verify-full", ca: str = "authority", host: str = "127.0.0.1") -> str:
            options = {"sslmode": mode, "sslrootcert": str(authorities[ca].file)}
            made = make_url(plain).set(host=host, port=port).update_query_dict(options)
            return made.render_as_string(hide_password=False)

        yield url


@pytest.fixture(scope="module")
def redis_by_tls(valkey: Valkey, authorities: dict[str, Authority], context: ssl.SSLContext) -> Iterator[Secured]:
    with front(valkey.port, context) as port:

        def url(*, ca: str = "authority", host: str = "127.0.0.1") -> str:
            password = make_url(valkey.url).password
            return f"rediss://:{password}@{host}:{port}/0?ssl_ca_certs={authorities[ca].file}"

        yield url


def test_the_migrations_and_every_role_reach_postgresql(secured: Secured, empty_database: Database) -> None:
    url = secured(empty_database.owner_url)
    checks.database(url)
    migrate.upgrade(url, empty_database.passwords)
    assert migrate.revisions(url) == migrate.revisions(empty_database.owner_url) != ()
    for role in ROLES:
        pool = Pool(secured(empty_database.url_for(role)))
        pool.ping()
        pool.close()
    with pytest.raises(CommandError, match="can't be reached"):
        checks.database(secured(empty_database.owner_url, mode="disable"))


@pytest.mark.parametrize("how", WRONG)
def test_another_server_is_refused_by_every_client_of_postgresql(
    secured: Secured, database: Database, how: str, tmp_path: Path
) -> None:
    pool = Pool(secured(database.url_for("auth"), **WRONG[how]))
    with pytest.raises(psycopg2.OperationalError, match="certificate"):
        pool.ping()
    pool.close()
    url = secured(database.owner_url, **WRONG[how])
    with pytest.raises(CommandError, match="certificate"):
        checks.database(url)
    with pytest.raises(CommandError, match="certificate"):
        postgres.dump(url, tmp_path / "dump")
    with pytest.raises(CommandError, match="certificate verify failed"), postgres.without_tls(make_url(url)):
        pass


def test_a_backup_goes_out_and_comes_back(
    secured: Secured, database: Database, empty_database: Database, tmp_path: Path
) -> None:
    taken = postgres.dump(secured(database.owner_url), tmp_path / "dump")
    assert (tmp_path / "dump").stat().st_size > 10_000
    postgres.restore(secured(empty_database.owner_url), tmp_path / "dump", taken.major)
    assert migrate.revisions(empty_database.owner_url) == (taken.revision,)


def test_gateway_and_services_reach_redis(redis_by_tls: Secured) -> None:
    checks.redis_server(redis_by_tls())
    client, link = make_redis(redis_by_tls(), timeout_seconds=2), RedisConnection(redis_by_tls(), timeout=2.0)
    client.set("tls", "x" * 300_000)
    assert link.call([("GET", "tls"), ("PING",)]) == [b"x" * 300_000, b"PONG"]
    link.close()
    client.close()


@pytest.mark.parametrize("how", WRONG)
def test_another_server_is_refused_by_every_client_of_redis(redis_by_tls: Secured, how: str) -> None:
    url = redis_by_tls(**WRONG[how])
    with pytest.raises(CommandError, match="certificate verify failed"):
        checks.redis_server(url)
    client, link = make_redis(url, timeout_seconds=2), RedisConnection(url, timeout=2.0)
    with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
        client.ping()
    with pytest.raises(RedisUnavailable, match="certificate verify failed"):
        link.ping()
    link.close()
    client.close()


@pytest.mark.parametrize(
    "option",
    ["ssl_cert_reqs=none", "ssl_cert_reqs=optional", "ssl_check_hostname=false", "ssl_check_hostname=", "protocol=3"],
)
def test_no_option_of_the_url_turns_verification_off(option: str) -> None:
    for client in (make_redis, RedisConnection, redis_urls.redis_url):
        with pytest.raises(ValueError, match=option.partition("=")[0]):
            client(f"rediss://redis.example/0?{option}")
    with pytest.raises(CommandError, match="REDIS_URL"):
        checks.redis_server(f"rediss://redis.example/0?{option}")


def test_a_server_without_tls_is_refused_where_it_is_demanded(database: Database, tmp_path: Path) -> None:
    url = f"{database.owner_url}?sslmode=require"
    with pytest.raises(CommandError, match="SSL"):
        postgres.dump(url, tmp_path / "dump")
    with pytest.raises(CommandError, match="takes no TLS"), postgres.without_tls(make_url(url)):
        pass

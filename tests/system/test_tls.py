"""All programs over a PostgreSQL and a Redis that take nothing but TLS, with verified certificates."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from heartguard_common.core.registry import SERVICES, python_path
from tests.protection.stack import JSON, ProtectedStack, running_stack
from tests.servers import Database, Postgres, Valkey, measured, until
from tests.tls import Authority, front
from tests.tokens import settings_environ


@dataclass(frozen=True)
class SecuredDatabase:
    """A database whose URLs lead through the front."""

    plain: Database
    port: int
    authority: Authority

    @property
    def name(self) -> str:
        return self.plain.name

    def url_for(self, service: str) -> str:
        options = {"sslmode": "verify-full", "sslrootcert": str(self.authority.file)}
        url = make_url(self.plain.url_for(service)).set(port=self.port).update_query_dict(options)
        return url.render_as_string(hide_password=False)


@dataclass(frozen=True)
class SecuredValkey:
    """The URL that leads through the front."""

    url: str


def test_the_whole_system_works_over_tls(
    postgres_server: Postgres, valkey: Valkey, database: Database, tmp_path: Path
) -> None:
    authority = Authority.make(tmp_path)
    context = authority.server()
    with (
        front(postgres_server.cluster.port, context, postgres=True) as database_port,
        front(valkey.port, context) as redis_port,
    ):
        secured = SecuredDatabase(database, database_port, authority)
        password = make_url(valkey.url).password
        redis = SecuredValkey(f"rediss://:{password}@127.0.0.1:{redis_port}/0?ssl_ca_certs={authority.file}")
        with running_stack(secured, redis, tmp_path) as stack:  # type: ignore[arg-type]
            use(stack, settings_environ("audit", secured, redis.url))  # type: ignore[arg-type]
            for name in SERVICES:
                prefix = SERVICES[name].prefix
                ready = stack.entry_points[name].ask("GET", f"{prefix}/ready").json
                assert {it["name"] for it in ready["dependencies"] if it["status"] != "ok"} <= {"consumer"}


def use(stack: ProtectedStack, environ: dict[str, str]) -> None:
    """One of each kind: an account, a point, a file, a change whose event the consumer brings into the trail."""
    admin = stack.found("secured")
    headers = {**admin.bearer, "Content-Type": JSON}
    point = b'{"bucket": "org_%d", "points": [{"measurement": "heart_rate", "fields": {"bpm": 71}}]}' % admin.org_id
    file = b'{"file_name": "n.txt", "content_type": "text/plain", "data_base64": "aGk="}'
    for path, body in (("/timeseries/write", point), ("/media/upload", file)):
        answer = stack.entry_points["gateway"].ask("POST", path, headers, body)
        assert answer.status < 300, answer.body
    consumer = subprocess.Popen(
        [sys.executable, "-m", "heartguard_audit.consumer"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": python_path("audit"), **measured(), **environ},
    )
    try:
        until(lambda: {"access", "change"} <= kinds(stack, admin.bearer), "both kinds of events in the trail")
    finally:
        consumer.terminate()
        assert consumer.wait(20) == 0


def kinds(stack: ProtectedStack, bearer: dict[str, str]) -> set[str]:
    return {
        item["kind"]
        for item in stack.entry_points["gateway"].ask("GET", "/audit/events?limit=100", bearer).json["items"]
    }

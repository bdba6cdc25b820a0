"""The plain stacks: a gateway and a service each, with a Valkey of their own and the same PostgreSQL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.gateway import gateways
from bench.gateway.gateways import FASTAPI, HERE, PLAIN, PYTHON, Running
from tests.servers import free_port
from tests.tokens import JWT_SECRET

SELECT = """
SELECT u.id, u.email, u.full_name, u.role, u.org_id, u.active, u.created_at,
    (SELECT json_agg(json_build_array(p.key, p.value) ORDER BY p.position)::text
     FROM heartguard_core.user_preferences AS p WHERE p.user_id = u.id) AS preferences
FROM heartguard_core.users AS u WHERE u.org_id = :org_id AND u.deleted_at IS NULL AND u.id = :id
"""
PEERS = Path(__file__).resolve().parent / "peers"
SERVICES = {PLAIN: "Flask + SQLAlchemy", FASTAPI: "FastAPI + asyncpg"}


@contextmanager
def service(name: str, database_url: str, scratch: Path) -> Iterator[Running]:
    """Start the service of a stack, with two worker processes."""
    port = free_port()
    bind = f"127.0.0.1:{port}"
    gunicorn = [str(PYTHON), "-m", "gunicorn", "--workers", "2", "--worker-class", "gthread", "--threads", "8"]
    commands = {
        PLAIN: [*gunicorn, "--no-control-socket", "--keep-alive", "75", "--bind", bind, "plain_service:app"],
        FASTAPI: [
            *(str(PYTHON), "-m", "uvicorn", "--workers", "2", "--port", str(port)),
            *("--no-access-log", "--log-level", "warning", "fast_service:app"),
        ],
    }
    urls = {PLAIN: f"postgresql+psycopg2://{database_url.partition('://')[2]}", FASTAPI: database_url}
    variables = {
        "DATABASE_URL": urls[name],
        "SELECT": SELECT,
        "JWT_SECRET": JWT_SECRET,
        "PYTHONPATH": os.pathsep.join((str(PEERS), str(HERE / "peers"))),
    }
    with gateways.process(commands[name], port, scratch / "peer-service.log", **variables) as pid:
        yield Running(SERVICES[name], port, pid)

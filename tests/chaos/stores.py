"""PostgreSQL and Valkey of a started copy, as their owner reaches them; its queues, as the operator sees them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import redis
import requests
from dotenv import dotenv_values

from heartguard_cli.embedded.postgres import PostgresCluster
from heartguard_cli.urls import libpq
from heartguard_common.core.registry import SERVICES
from tests.clone import Clone


class Stores:
    """The two stores of a copy."""

    def __init__(self, clone: Clone) -> None:
        self._clone = clone
        self._url = libpq(PostgresCluster(clone.layout.var / "pg", clone.ports["postgres"]).url())

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """A cursor of the database's owner; commits at the end."""
        connection = psycopg2.connect(self._url, connect_timeout=2)
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def number(self, statement: str, *values: object) -> int:
        """The one number that a statement gives."""
        with self.cursor() as cursor:
            cursor.execute(statement, values)
            return int(cursor.fetchone()[0])

    def valkey(self) -> "redis.Redis[Any]":
        """A client; close it."""
        password = dotenv_values(self._clone.root / ".env")["VALKEY_PASSWORD"]
        return redis.Redis(port=self._clone.ports["valkey"], password=password, socket_timeout=2)


class Operator:
    """What the operator sees of the queues, and does with their items."""

    def __init__(self, clone: Clone) -> None:
        self._clone = clone
        self._token = dotenv_values(clone.root / ".env")["OPERATOR_TOKEN"]

    def dead_letters(self, service: str, queue: str, status: str = "dead") -> list[dict[str, Any]]:
        """The items of a queue that are given up, or are tried again."""
        found: list[dict[str, Any]] = []
        asked = path = f"{SERVICES[service].prefix}/dead-letters?limit=500&queue={queue}&status={status}"
        while True:
            code, page = self._clone.call(service, "GET", path, token=self._token)
            assert code == 200, page
            found += page["items"]
            if not page.get("next_cursor"):
                return found
            path = f"{asked}&cursor={page['next_cursor']}"

    def retry(self, service: str, letter: dict[str, Any]) -> None:
        """Have an item tried again."""
        path = f"{SERVICES[service].prefix}/dead-letters/{letter['id']}/retry"
        code, answer = self._clone.call(service, "POST", path, token=self._token)
        assert code == 204, answer

    def counted(self, service: str, queue: str) -> float:
        """How many items of a queue are given up, as the metrics say."""
        url = f"http://127.0.0.1:{self._clone.ports[service]}{SERVICES[service].prefix}/metrics"
        wanted = f'heartguard_dead_letters{{queue="{queue}",service="{service}"}} '
        lines = requests.get(url, timeout=10).text.splitlines()
        (line,) = [line for line in lines if line.startswith(wanted)]
        return float(line.removeprefix(wanted))

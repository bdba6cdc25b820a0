"""The peers of the write path: influxdb-client with dictionaries, and PostgreSQL alone."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS

from bench.timeseries import bodies, peer
from bench.timeseries.load import CLIENTS, Send
from tests.servers import free_port, until

COPY = f"COPY {peer.TABLE} (series_id, time_ns, field_id, number) FROM STDIN"
ONE = f"INSERT INTO {peer.TABLE} (series_id, time_ns, field_id, number) VALUES (%s, %s, 1, %s) ON CONFLICT DO NOTHING"


@contextmanager
def connections(url: str) -> Iterator[list[Any]]:
    """One connection for each client."""
    opened = [psycopg2.connect(url) for _ in range(CLIENTS)]
    try:
        yield opened
    finally:
        for connection in opened:
            connection.close()


def rows(batch: int) -> list[tuple[int, int, float]]:
    """A batch as rows."""
    person, beats = bodies.samples(batch)
    return [(person, second * 10**9, bpm) for second, bpm in beats]


def copier(connection: Any) -> Send:
    """COPY, which does not report whether rows are new."""

    def send(batch: int) -> None:
        text = "".join(f"{person}\t{time_ns}\t1\t{bpm}\n" for person, time_ns, bpm in rows(batch))
        with connection, connection.cursor() as cursor:
            cursor.copy_expert(COPY, io.StringIO(text))

    return send


def unnester(connection: Any) -> Send:
    """The upsert of arrays, without verdicts."""

    def send(batch: int) -> None:
        people, times, values = (list(column) for column in zip(*rows(batch), strict=True))
        with connection, connection.cursor() as cursor:
            cursor.execute(peer.UNNEST, (people, times, values))

    return send


def one_by_one(connection: Any) -> Send:
    """`executemany`, which sends each row separately."""

    def send(batch: int) -> None:
        with connection, connection.cursor() as cursor:
            cursor.executemany(ONE, rows(batch))

    return send


@contextmanager
def line_server(url: str) -> Iterator[tuple[int, int]]:
    """Start the peer's server; gives port and pid."""
    port = free_port()
    environment = {**os.environ, "PEER_DATABASE": url, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    server = subprocess.Popen([sys.executable, "-m", "bench.timeseries.peer", str(port)], env=environment)
    try:
        until(lambda: _listens(port), "the peer's server")
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(10)


@contextmanager
def influx_clients(port: int) -> Iterator[list[Send]]:
    """influxdb-client as its manual shows it: dictionaries, synchronous, one client a thread."""
    clients = [InfluxDBClient(f"http://127.0.0.1:{port}", token="bench", org="bench") for _ in range(CLIENTS)]

    def sender(client: InfluxDBClient) -> Send:
        api = client.write_api(write_options=SYNCHRONOUS)

        def send(batch: int) -> None:
            documents = [{**it, "time": it["timestamp"]} for it in bodies.points(batch)]
            api.write(bucket="bench", record=documents)

        return send

    try:
        yield [sender(client) for client in clients]
    finally:
        for client in clients:
            client.close()


def _listens(port: int) -> bool:
    import socket  # noqa: PLC0415  only to check whether the port is open

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

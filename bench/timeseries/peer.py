"""The server for influxdb-client: it reads line protocol over HTTP and writes into the same PostgreSQL.

It supports one measurement, one series for each person and one field, without checks, verdicts and authentication:
it does less than any real server, so that the benchmark measures the client.

Run: python -m bench.timeseries.peer PORT; the database's URL in PEER_DATABASE.
"""

import gzip
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import local

import psycopg2

TABLE = "heartguard_core.peer_points"
MAKE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (series_id bigint NOT NULL, time_ns bigint NOT NULL, field_id integer NOT NULL,
    number double precision, string text, PRIMARY KEY (series_id, time_ns, field_id))
"""
UNNEST = f"""
INSERT INTO {TABLE} AS p (series_id, time_ns, field_id, number)
SELECT s, t, 1, n FROM unnest(%s::bigint[], %s::bigint[], %s::float8[]) AS new (s, t, n) ORDER BY 1, 2
ON CONFLICT (series_id, time_ns, field_id) DO UPDATE SET number = excluded.number
WHERE p.number IS DISTINCT FROM excluded.number
"""
_held = local()


def insert(url: str, rows: list[tuple[int, int, float]]) -> None:
    """One statement and one commit, on a connection of the thread's own."""
    if not hasattr(_held, "connection"):
        _held.connection = psycopg2.connect(url)
    people, times, values = (list(column) for column in zip(*rows, strict=True))
    with _held.connection as connection, connection.cursor() as cursor:
        cursor.execute(UNNEST, (people, times, values))


class Handler(BaseHTTPRequestHandler):
    """POST /api/v2/write, with persistent connections."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Write no log."""

    def do_POST(self) -> None:
        """Read lines `measurement,device=...,user_id=N bpm=F T`."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        rows = []
        for line in body.decode().splitlines():
            head, fields, time = line.split(" ")
            rows.append((int(head.rpartition("=")[2]), int(time), float(fields.rpartition("=")[2])))
        insert(os.environ["PEER_DATABASE"], rows)
        self.send_response(204)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

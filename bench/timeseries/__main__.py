"""Writes and queries of the whole system, compared with influxdb-client and with PostgreSQL alone.

Run from the root: .venv/bin/python -m bench.timeseries [--seconds 3] [--sizes 100000 1000000] [--out DIRECTORY]
Sizes up to 10000000 can be given. Writes timeseries.md and timeseries.svg. Ends with an error when a point is not new,
an answer lacks rows, or the table lacks acknowledged points.
"""

import argparse
import itertools
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2

from bench.gateway.gateways import STORE
from bench.timeseries import bodies, peer, peers, report
from bench.timeseries.load import Measured, Send, http_senders, measure
from bench.timeseries.queries import DAY, DAY_BEGIN, Answered, Questions
from heartguard_cli.embedded.postgres import SUPERUSER, PostgresCluster
from heartguard_cli.urls import libpq
from tests.clone import Clone
from tests.system.writer import Member, founder

ROOT = Path(__file__).resolve().parents[2]

READY_MADE = 70  # batches per second that are prepared before the measurement
FILL = """
INSERT INTO heartguard_core.points (series_id, time_ns, field_id, number)
SELECT -series, (%(begin)s + second)::bigint * 1000000000, %(field)s, 60 + (second * 7 + series) %% 400 / 10.0
FROM generate_series(%(first)s, %(last)s) AS series, generate_series(0, 86399) AS second
"""


@dataclass
class Bench:
    """The running system, its admin, and the number of the next batch to send."""

    clone: Clone
    member: Member
    connection: Any
    url: str
    seconds: float
    sent: int = 0
    days: int = 0

    def write(self, form: str, through: str) -> Measured:
        """Points per second in a format, through the gateway or to the service directly."""
        body = bodies.prebuilt(form, self.member.bucket, self.sent, int(READY_MADE * self.seconds))
        batches = itertools.count(self.sent)
        target = "/timeseries/write"
        if form == "line protocol":
            target += f"?bucket={self.member.bucket}&precision=ns"
        kind = bodies.TYPES[form]
        headers = {**self.member.headers, "Content-Type": kind, "Accept": kind if form == "XML" else "application/json"}
        names = ("influx", "postgres") if through == "influx" else ("gateway", "influx", "postgres")
        programs = {name: partial(self.clone.family, name) for name in names}
        port = self.clone.ports[through]
        with http_senders(port, target, headers, body, bodies.CREATED[form]) as senders:
            row = measure(f"{form}, {_WAYS[through]}", senders, batches, self.seconds, programs)
        self.sent = next(batches)
        return row

    def peer(self, name: str, senders: list[Send], pids: dict[str, int]) -> Measured:
        """Points per second of a peer into its own table."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {peer.TABLE}")
        programs: dict[str, Callable[[], list[int]]] = {it: partial(list, (pid,)) for it, pid in pids.items()}
        programs["postgres"] = partial(self.clone.family, "postgres")
        return measure(name, senders, itertools.count(), self.seconds, programs)

    def peers(self) -> Iterator[Measured]:
        """The points per second of all peers."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(peer.MAKE)
        own = os.getpid()
        with peers.line_server(self.url) as (port, pid), peers.influx_clients(port) as clients:
            yield self.peer("influxdb-client, dictionaries", clients, {"client": own, "server": pid})
        ways = {"unnest": peers.unnester, "COPY": peers.copier, "executemany": peers.one_by_one}
        for name, make in ways.items():
            with peers.connections(self.url) as opened:
                yield self.peer(f"{name}, psycopg2", [make(it) for it in opened], {"client": own})

    def fill(self, size: int) -> None:
        """Fill the table up to about that many points: whole days of other people, and one day of person 1."""
        days, missing = self.days, max(0, size - self.count()) // DAY
        keys = {"begin": DAY_BEGIN, "field": self.keys()["field"], "first": days + 1, "last": days + missing}
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(FILL, keys)
        self.days += missing
        self.vacuum()

    def first_day(self) -> None:
        """Store a day of person 1 at 1 Hz, in the series that the service created."""
        keys = self.keys()
        statement = FILL.replace("-series", str(keys["series"]))
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(statement, {**keys, "begin": DAY_BEGIN, "first": 1, "last": 1})

    def vacuum(self) -> None:
        """Run VACUUM, as autovacuum would a minute later."""
        with closing(psycopg2.connect(self.url)) as connection:
            connection.autocommit = True
            connection.cursor().execute("VACUUM ANALYZE heartguard_core.points")

    def keys(self) -> dict[str, int]:
        """The ids of person 1's series and of the field bpm."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT id FROM heartguard_core.series WHERE user_id = 1")
            series = cursor.fetchone()[0]
            cursor.execute("SELECT id FROM heartguard_core.field_types WHERE field = 'bpm'")
            return {"series": series, "field": cursor.fetchone()[0]}

    def count(self) -> int:
        """How many points the service has stored."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM heartguard_core.points")
            return int(cursor.fetchone()[0])


_WAYS = {"gateway": "through the gateway", "influx": "to the service"}


@contextmanager
def started(seconds: float) -> Iterator[Bench]:
    """HeartGuard started by its scripts, with an organization of its own."""
    with tempfile.TemporaryDirectory() as directory:
        clone = Clone.make(Path(directory))
        try:
            up = clone.start()
            if up.returncode:
                raise RuntimeError(up.stdout + up.stderr)
            member = founder(clone)
            cluster = PostgresCluster(clone.layout.var / "pg", clone.ports["postgres"])
            database = libpq(cluster.url(SUPERUSER))
            connection = psycopg2.connect(database)
            try:
                yield Bench(clone, member, connection, database, seconds)
            finally:
                connection.close()
        finally:
            clone.stop()


def main() -> int:
    """Run it all, print and write tables and plot."""
    parser = argparse.ArgumentParser(prog="python -m bench.timeseries", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--out", type=Path, default=STORE)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the system is stopped then, too
    answers: list[Answered] = []
    growth: dict[int, Measured] = {}
    with started(args.seconds) as bench:
        rows = [bench.write(form, through) for through in _WAYS for form in bodies.TYPES]
        if bench.count() != bench.sent * 1000:
            raise RuntimeError(f"{bench.sent} batches were acknowledged, {bench.count()} points are stored")
        rows += bench.peers()
        keys = bench.keys()
        with bench.connection, bench.connection.cursor() as cursor:
            cursor.execute("TRUNCATE heartguard_core.points")
        bench.first_day()
        port = bench.clone.ports["influx"]
        questions = Questions(port, bench.member.headers, bench.member.bucket, bench.connection, keys)
        for size in sorted(args.sizes):
            bench.fill(size)
            answers += questions.all(bench.count())
            growth[bench.count()] = bench.write("JSON", "gateway")
    text = "\n\n".join((report.writing(rows), report.querying(answers), report.growing(growth))) + "\n"
    print(text)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "timeseries.md").write_text(text, encoding="utf-8")
    report.plot(rows, answers, growth, args.out / "timeseries.svg")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""What is in the stores after a storm, past all that services may hide or tidy."""

import json
from collections import Counter
from datetime import datetime

import psycopg2
import requests

from heartguard_cli.embedded.postgres import PostgresCluster
from heartguard_cli.urls import libpq
from tests.clone import Clone
from tests.system.writer import Member


def rows(clone: Clone) -> Counter[tuple[str, int]]:
    """How many rows PostgreSQL holds of each measurement and time, past all that the service may hide."""
    cluster = PostgresCluster(clone.layout.var / "pg", clone.ports["postgres"])
    with psycopg2.connect(libpq(cluster.url())) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.measurement, p.time_ns, count(*) FROM heartguard_core.points AS p"
            " JOIN heartguard_core.series AS s ON s.id = p.series_id GROUP BY 1, 2"
        )
        return Counter({(measurement, time_ns): number for measurement, time_ns, number in cursor})


def remove(clone: Clone, moment: str) -> None:
    """Take the points of one second out of PostgreSQL, as an unforeseen error would."""
    cluster = PostgresCluster(clone.layout.var / "pg", clone.ports["postgres"])
    time_ns = int(datetime.fromisoformat(moment).timestamp()) * 10**9
    with psycopg2.connect(libpq(cluster.url())) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM heartguard_core.points WHERE time_ns = %s", (time_ns,))


def access_events(member: Member) -> Counter[str]:
    """How often each access event of a write is in the trail, read in one stream."""
    query = {"kind": "access", "action": "timeseries.write"}
    headers = {**member.headers, "Accept": "application/x-ndjson"}
    answer = requests.get(f"{member.url}/audit/events", params=query, headers=headers, timeout=60)
    if answer.status_code != 200:
        return Counter()
    ids: list[str] = [json.loads(line)["id"] for line in answer.iter_lines()]
    return Counter(ids)

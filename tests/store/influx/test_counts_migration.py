"""What is stored before limits come is counted by the migration that brings them."""

import psycopg2
from alembic import command

from heartguard_cli import migrate
from heartguard_cli.urls import libpq

STORED = """
INSERT INTO heartguard_core.organizations (name) VALUES ('one'), ('two'), ('empty');
INSERT INTO heartguard_core.buckets (org_id, name) VALUES (1, 'org_1'), (1, 'org_1_x'), (2, 'org_2');
INSERT INTO heartguard_core.series (bucket_id, measurement, tags, digest)
SELECT b.id, 'heart_rate', '{}', decode(lpad(b.id::text, 8, '0'), 'hex') FROM heartguard_core.buckets AS b;
INSERT INTO heartguard_core.points (series_id, time_ns, field_id, number)
SELECT s.id, n, 1, 60 FROM heartguard_core.series AS s, generate_series(1, 10) AS n;
"""


def test_values_of_all_buckets_count_as_their_organizations(empty_database):
    url = empty_database.owner_url
    command.upgrade(migrate._config(url), "0014_ages")
    with psycopg2.connect(libpq(url)) as connection, connection.cursor() as cursor:
        cursor.execute(STORED)
    connection.close()
    migrate.upgrade(url, empty_database.passwords)
    with psycopg2.connect(libpq(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT org_id, day::text, stored FROM heartguard_core.point_counts ORDER BY org_id")
        assert cursor.fetchall() == [(1, "1970-01-01", 20), (2, "1970-01-01", 10)]
    connection.close()

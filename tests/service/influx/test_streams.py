"""POST /timeseries/query for more raw points than a page holds, and as CSV and NDJSON.

HEARTGUARD_TEST_STREAM_POINTS=1000000 is the long form.
"""

import csv
import io
import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psutil
import psycopg2
import pytest

from heartguard_cli.urls import libpq
from heartguard_common.contract.contracts import Contracts
from tests.servers import until
from tests.service.influx.conftest import beat
from tests.tokens import bearer

START = datetime(2024, 6, 1, tzinfo=UTC)
MANY = int(os.environ.get("HEARTGUARD_TEST_STREAM_POINTS", "60000"))
TYPES = {
    "json": "application/json",
    "xml": "application/xml",
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
}
RESULT = Contracts.load()["QueryResult"]


@contextmanager
def superuser(database):
    connection = psycopg2.connect(libpq(database.superuser_url))
    with connection, connection.cursor() as cursor:
        yield cursor
    connection.close()


@pytest.fixture
def fill(write, database, org):
    """Put `number` heart rates (0, 1, 2, ...) a tenth of a second apart into each series, behind the service's back."""

    def fill(number, *persons):
        for person in persons:
            assert write(beat(0, 1, user_id=person)).status_code == 200
        with superuser(database) as cursor:
            cursor.execute(
                "INSERT INTO heartguard_core.points (series_id, time_ns, field_id, number)"
                " SELECT s.id, %s + n * 100000000::bigint, f.id, n %% 300 + 1 FROM heartguard_core.series s"
                " JOIN heartguard_core.field_types f USING (bucket_id), generate_series(0, %s - 1) AS n"
                " ON CONFLICT DO NOTHING",
                (int(START.timestamp()) * 10**9, number),
            )

    return fill


def as_type(admin, kind):
    return admin | {"Accept": TYPES[kind]}


def expected(number):
    """Time to the tenth and value of what `fill` put there, as RFC 3339 writes it."""
    for n in range(number):
        moment = (START + timedelta(milliseconds=100 * n)).isoformat(timespec="milliseconds")
        yield moment.removesuffix("+00:00"), float(n % 300 + 1)


def resident():
    """Bytes of memory that the process has now."""
    return psutil.Process().memory_info().rss


def plain(time):
    seconds, _, fraction = time.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction:0<3}"


@pytest.mark.parametrize("kind", ["json", "xml"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_stream_is_the_document_that_the_encoder_writes_of_all_pages(fill, query, admin, kind, order):
    fill(12_000, "7", "8")
    body = query(headers=as_type(admin, kind), order=order).data
    document = RESULT.decode(body, TYPES[kind])
    assert body == RESULT.encode(document, TYPES[kind])
    assert [series["tags"] for series in document["series"]] == [{"user_id": "7"}, {"user_id": "8"}]
    wanted = list(expected(12_000))[:: 1 if order == "asc" else -1]
    for series in document["series"]:
        found = [(plain(point["time"]), point["fields"]["bpm"]) for point in series["points"]]
        # The first write of each series stands at 10 o'clock, far behind what was filled in.
        assert [it for it in found if it[0] < "2024-06-01T10"] == wanted
    assert document["next_cursor"] is None


def test_the_four_formats_hold_the_same_points(fill, query, admin):
    fill(6_000, "7", "8")
    document = query().get_json()
    points = [
        (point["time"], series["tags"]["user_id"], point["fields"]["bpm"])
        for series in document["series"]
        for point in series["points"]
    ]
    points.sort(key=lambda point: (plain(point[0]), point[1]))
    assert len(points) == 12_002
    lines = [json.loads(line) for line in query(headers=as_type(admin, "ndjson")).data.splitlines()]
    assert [(line["time"], line["tags"]["user_id"], line["fields"]["bpm"]) for line in lines] == points
    text = query(headers=as_type(admin, "csv")).get_data(as_text=True)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(row["time"], row["tags.user_id"], float(row["fields.bpm"])) for row in rows] == points
    root = RESULT.decode(query(headers=as_type(admin, "xml")).data, TYPES["xml"])
    assert root == document


def test_csv_and_ndjson_by_hand(write, query, admin):
    odd = 'a,"b"\n=1'
    write(beat(1, 72, place=odd), {**beat(2, 301), "fields": {"bpm": 301, "note": "=cmd", "ok": True}})
    answer = query(headers=as_type(admin, "csv"))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="points.csv"'
    assert answer.get_data(as_text=True) == (
        "time,tags.place,fields.bpm,fields.note,fields.ok,out_of_range\r\n"
        '2024-06-01T10:00:01Z,"a,""b""\n=1",72.0,,,\r\n'
        '2024-06-01T10:00:02Z,,301.0,\'=cmd,true,"[""bpm""]"\r\n'
    )
    answer = query(headers=as_type(admin, "ndjson"))
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line) for line in answer.data.splitlines()] == [
        {"tags": {"place": odd}, "time": "2024-06-01T10:00:01Z", "fields": {"bpm": 72.0}},
        {
            "tags": {},
            "time": "2024-06-01T10:00:02Z",
            "fields": {"bpm": 301.0, "note": "=cmd", "ok": True},
            "out_of_range": ["bpm"],
        },
    ]
    windows = query(aggregate="mean", fields=["bpm"], headers=as_type(admin, "csv")).get_data(as_text=True)
    assert windows == "time,fields.bpm,count\r\n2024-06-01T00:00:00Z,186.5,2\r\n"


def test_a_page_of_a_file_says_where_the_next_one_begins(write, query, admin):
    write(*[beat(second, 60 + second) for second in range(5)])
    seen, more = [], {}
    while True:
        answer = query(limit=2, headers=as_type(admin, "ndjson"), **more)
        seen += [json.loads(line)["fields"]["bpm"] for line in answer.data.splitlines()]
        if "X-Next-Cursor" not in answer.headers:
            break
        more = {"cursor": answer.headers["X-Next-Cursor"]}
    assert seen == [60, 61, 62, 63, 64]


def test_more_than_a_stream_holds_is_refused_before_the_first_byte(fill, query, admin):
    fill(500_001, "7", "8")
    for kind in TYPES:
        answer = query(headers=as_type(admin, kind))
        assert answer.status_code == 422
        assert b"TS_006" in answer.data
        assert b"asked for 1000002;" in answer.data
    assert query(tags={"user_id": "7"}, headers=as_type(admin, "ndjson"), limit=3).data.count(b"\n") == 3


def test_a_member_streams_their_own_only(fill, query, org):
    fill(11_000, "7", "8")
    series = query(headers=bearer(7, "user", org)).get_json()["series"]
    assert [(it["tags"], len(it["points"])) for it in series] == [({"user_id": "7"}, 11_001)]


def test_a_failure_in_the_middle_cuts_the_answer(fill, query, database, admin):
    fill(25_000, "7")
    answer = query(headers=as_type(admin, "json") | {"Accept-Encoding": "identity"})
    blocks = iter(answer.response)
    assert next(blocks).startswith(b'{"measurement":"heart_rate"')
    with superuser(database) as cursor:
        cursor.execute("ALTER TABLE heartguard_core.points RENAME TO points_away")
    try:
        with pytest.raises(Exception, match="points"):
            list(blocks)
    finally:
        with superuser(database) as cursor:
            cursor.execute("ALTER TABLE heartguard_core.points_away RENAME TO points")
    answer.close()


def test_no_transaction_is_open_between_two_pages(fill, query, database):
    fill(25_000, "7")
    answer = query()
    next(iter(answer.response))
    with superuser(database) as cursor:

        def none_is_open() -> bool:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%%'"
            )
            return cursor.fetchone()[0] == 0

        # The service's own threads have short ones; one of the stream would stay for as long as nobody reads on.
        until(none_is_open, "no transaction is open")
    answer.close()


@pytest.mark.timeout(900)  # for the long form
@pytest.mark.parametrize("kind", TYPES)
def test_memory_does_not_grow_with_the_points(fill, query, admin, kind):
    fill(MANY, "7")

    def length_and_peak(stop):
        """How long the answer is, and how many bytes more than at the beginning the process had meanwhile, at most."""
        answer = query(headers=as_type(admin, kind), range_stop=stop)
        before, length, peak = resident(), 0, 0
        for block in answer.response:
            length += len(block)
            peak = max(peak, resident() - before)
        return length, peak

    first, _ = length_and_peak("2024-06-01T00:30:00Z")  # 18,000 points
    whole, peak = length_and_peak("2024-06-03T00:00:00Z")
    assert whole > first * MANY / 18_000 * 0.9
    assert peak < 12 * 2**20

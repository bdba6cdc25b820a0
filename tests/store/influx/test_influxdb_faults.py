"""An InfluxDB that is busy, broken, slow or gone: what is tried again, and what the caller gets."""

import json
import threading

import pytest

from heartguard_common.core import deadline
from heartguard_common.core.clock import parse_rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_influx.errors import STORE_FAILED
from heartguard_influx.points.domain.point import Point, Verdict
from heartguard_influx.store.influxdb import Server
from heartguard_influx.store.influxdb.flux import Instant, Query
from heartguard_influx.store.influxdb.server import RequestLimits
from tests.fakes.influxdb.recorded import EXCHANGES, ORG, TOKEN
from tests.people import found
from tests.servers import free_port
from tests.store.influx.recorded import BARE, START, Registry, selection

BEAT = Point("heart_rate", BARE, {"bpm": 60.0}, START)
MINE = (("device", "band"), ("user_id", "7"))
WRITE = "ns_bucket_is_there"
READ = "bound_raw"
BUSY = {"status": 429, "body": '{"code":"too many requests","message":"busy"}', "headers": {"Retry-After": "2"}}
UNAVAILABLE = {"status": 503, "body": "upstream connect error", "headers": {}}
# A head whose promised body never comes.
CUT = {"status": 200, "body": "promised", "cut": True}
BROKEN = {"status": 500, "body": '{"code":"internal error","message":"panic"}'}


@pytest.fixture(scope="module")
def registry(module_database):
    registry = Registry(module_database, found(module_database))
    yield registry
    registry.pool.close()


def write(influx):
    return influx.store.write(influx.bucket_id, [BEAT])


def read(influx, registry):
    fields = registry.know(influx.bucket_id)
    chosen = selection(influx.bucket_id)
    groups = influx.store.groups(chosen, None)
    return influx.store.points(chosen, groups, fields, after=None, limit=100, descending=False)


def refused(call, *arguments):
    with pytest.raises(ServiceError) as raised:
        call(*arguments)
    return raised.value


@pytest.mark.parametrize(
    ("change", "least", "most"),
    [(BUSY, 2.0, 2.0), (UNAVAILABLE, 1.0, 1.0), (CUT, 0.05, 0.1)],
)
def test_a_failure_that_passes_is_waited_for(registry, change, least, most):
    with registry.before(WRITE, WRITE, changes={0: change}) as influx:
        assert write(influx) == [Verdict("stored")]
        assert len(influx.pauses) == 1
        assert least <= influx.pauses[0] <= most


def test_pauses_double_until_the_attempts_are_over(registry):
    with registry.before(*[WRITE] * 4, changes=dict.fromkeys(range(4), CUT)) as influx:
        error = refused(write, influx)
        assert (error.error_code.code, error.error_code.status, error.headers["Retry-After"]) == ("TS_030", 503, "1")
        assert len(influx.pauses) == 3
        for pause, whole in zip(influx.pauses, (0.1, 0.2, 0.4), strict=True):
            assert whole / 2 <= pause <= whole


def test_a_server_that_asks_for_more_time_than_there_is_gets_no_second_request(registry):
    with registry.before(WRITE, changes={0: {**BUSY, "headers": {"Retry-After": "30"}}}) as influx:
        error = refused(write, influx)
        assert (error.error_code.code, error.error_code.status, error.headers["Retry-After"]) == ("TS_031", 503, "30")
        assert influx.pauses == []


def test_nothing_is_retried_after_the_deadline_of_the_request(registry):
    with registry.before(WRITE, changes={0: BUSY}) as influx, deadline.within(1.9):
        assert refused(write, influx).error_code.code == "TS_031"
        assert influx.pauses == []


def test_nothing_is_sent_after_the_deadline_of_the_request():
    server = Server(f"http://127.0.0.1:{free_port()}", TOKEN, ORG)
    with deadline.within(0.001):
        threading.Event().wait(0.01)
        assert refused(list, server.query(Query("from(bucket: _bucket)"))).error_code.code == "GEN_422_TIME"
    server.close()


def test_a_retry_after_that_is_a_date_counts_as_a_second(registry):
    change = {**BUSY, "headers": {"Retry-After": "Mon, 23 Nov 2026 09:00:00 GMT"}}
    with registry.before(WRITE, changes={0: change}, attempts=1) as influx:
        assert refused(write, influx).headers["Retry-After"] == "1"


def test_a_server_error_is_reported_and_not_retried(registry):
    with registry.before(WRITE, changes={0: BROKEN}) as influx:
        error = refused(write, influx)
        assert (error.error_code.code, error.error_code.status) == ("TS_033", 502)
        assert "panic" not in error.message


def test_a_server_that_hangs_is_left_after_its_time(registry):
    with registry.before(WRITE, changes={0: {"hang": True}}, read=0.2, deadline=0.3) as influx:
        assert refused(write, influx).error_code.code == "TS_030"
        assert influx.pauses == []


def test_a_query_that_begins_late_is_asked_again(registry):
    change = {0: {"hang": True}}
    with registry.before(READ, READ, changes=change, read=0.5, deadline=60.0) as influx:
        rows, _ = read(influx, registry)
        assert len(rows) == 19


def test_an_answer_without_end_is_left_and_its_connection_closed(registry):
    endless = {"body": EXCHANGES["query_before_1970_count_until_19700101T000000Z_endless"]["response"]["body"]}
    with registry.before(READ, changes={0: {**endless, "endless": True}}, answer=0.3) as influx:
        assert refused(read, influx, registry).error_code is STORE_FAILED
        assert influx.recorded.left.wait(60)
    with registry.before(READ, changes={0: {**endless, "endless": True}}, answer_bytes=100_000) as influx:
        assert refused(read, influx, registry).error_code is STORE_FAILED
        assert influx.recorded.left.wait(60)


def test_an_answer_that_is_not_read_on_is_left_and_its_connection_closed(registry):
    """As when the caller of a stream has gone."""
    rows = EXCHANGES[READ]["response"]["body"]
    with registry.before(READ, changes={0: {"body": rows, "endless": True}}) as influx:
        records = influx.server.query(query_of(READ))
        assert next(records).field == "bpm"
        records.close()
        assert influx.recorded.left.wait(60)


def query_of(name):
    """The query that a recorded request holds."""
    document = json.loads(EXCHANGES[name]["request"]["body"])
    bound = {it["assignment"]["id"]["name"]: it["assignment"]["init"] for it in document["extern"]["body"]}
    values = {
        name: Instant(parse_rfc3339(literal["value"])) if literal["type"] == "DateTimeLiteral" else literal["value"]
        for name, literal in bound.items()
    }
    return Query(document["query"], values)


def test_an_error_without_end_is_left_too(registry):
    with registry.before(WRITE, changes={0: {"status": 400, "body": "x" * 1000, "endless": True}}) as influx:
        assert refused(write, influx).error_code is STORE_FAILED
        assert influx.recorded.left.wait(60)


def test_an_answer_that_breaks_off_is_an_error_and_no_short_answer(registry):
    with registry.before(READ, changes={0: {"cut": True}}) as influx:
        error = refused(read, influx, registry)
        assert (error.error_code.code, error.headers["Retry-After"]) == ("TS_030", "1")


@pytest.mark.parametrize(
    "body",
    [
        EXCHANGES["query_error_after_the_answer_began"]["response"]["body"],
        # If a query ends with an error after its answer began, annotated CSV has the error in a table of its own.
        "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,Failed to read,897\r\n",
        EXCHANGES[READ]["response"]["body"] + ",error,reference\r\n,Failed to read,897\r\n",
        "<html>not a database</html>\r\n<a,b,c,d>\r\n",
        EXCHANGES[READ]["response"]["body"].replace(",80,bpm", ",eighty,bpm"),
        EXCHANGES[READ]["response"]["body"].replace(",80,bpm", ',"80"!,bpm'),
        EXCHANGES[READ]["response"]["body"].rstrip().rsplit(",", 1)[0] + ',"open',
        EXCHANGES[READ]["response"]["body"].replace(",80,bpm", ",80"),
        EXCHANGES[READ]["response"]["body"].replace(",2026-11-22T14:00:00Z,80", ",yesterday,80"),
    ],
)
def test_an_invalid_answer_is_reported(registry, body):
    with registry.before(READ, changes={0: {"body": body}}) as influx:
        assert refused(read, influx, registry).error_code.code == "TS_033"


def test_a_query_with_a_wrong_token_is_an_error_of_this_service(registry):
    with registry.before("bound_unauthorized", token=_token_of("bound_unauthorized")) as influx:
        assert refused(read, influx, registry).error_code.code == "TS_032"


def _token_of(name):
    return EXCHANGES[name]["request"]["headers"]["Authorization"].removeprefix("Token ")


def test_a_refusal_that_names_no_field_is_settled_by_halves(registry):
    dropped = '{"code":"unprocessable entity","message":"failure writing points to database: partial write: dropped=1"}'
    with registry.before(
        "ns_conflict",
        "ns_conflict_alone",
        "ns_conflict_rest",
        changes={
            0: {"body": dropped},
            1: {"body": dropped},
        },
    ) as influx:
        points = [
            Point("heart_rate", BARE, {"bpm": "text"}, START + 2_000_000_000),
            Point("heart_rate", BARE, {"bpm": 71.0}, START + 3_000_000_000),
        ]
        verdicts = influx.store.write(influx.bucket_id, points)
        # A message of another kind: halves instead of suspects, and no more said than is known.
        assert verdicts == [Verdict("rejected", "InfluxDB refused the point"), Verdict("stored")]


def test_an_unreachable_influxdb_is_an_error(registry):
    pauses = []
    server = Server(
        f"http://127.0.0.1:{free_port()}", TOKEN, ORG, limits=RequestLimits(connect=0.5), sleep=pauses.append
    )
    assert refused(server.ping).error_code.code == "TS_030"
    assert refused(server.write, "org_acme", ["heart_rate bpm=1.0 1"]).error_code.code == "TS_030"
    assert len(pauses) == 3
    server.close()


def test_a_query_that_the_server_cant_read_is_an_error_of_this_service(registry):
    with registry.before(READ, changes={0: _answer_to("query_syntax_error")}) as influx:
        assert refused(read, influx, registry).error_code is STORE_FAILED


def test_points_without_a_time_are_no_answer_to_a_question_for_points(registry):
    with registry.before(READ, changes={0: _answer_to("bound_total_count")}) as influx:
        assert refused(read, influx, registry).error_code is STORE_FAILED


def test_a_refused_deletion_keeps_its_series_and_can_be_repeated(registry):
    steps = ("bound_count_of_person", "delete_person")
    with registry.before(*steps, changes={1: _answer_to("delete_bad_predicate")}) as influx:
        registry.know(influx.bucket_id, series=[MINE])
        assert refused(influx.store.erase, [influx.bucket_id], 7).error_code is STORE_FAILED
        assert [group.tags for group in influx.store.groups(selection(influx.bucket_id), None)] == [MINE]


def test_a_bucket_that_the_server_lost_has_nothing_to_delete(registry):
    steps = ("bound_count_of_person", "own_bucket_absent", "delete_person", "own_bucket_absent")
    gone = {"status": 404, "body": '{"code":"not found","message":"bucket not found"}'}
    with registry.before(*steps, changes={0: _answer_to("query_unknown_bucket"), 2: gone}) as influx:
        registry.know(influx.bucket_id, series=[MINE])
        assert influx.store.erase([influx.bucket_id], 7) == 0
        assert influx.store.groups(selection(influx.bucket_id), None) == []


def _answer_to(name):
    """What the recorded server said to something else."""
    return {part: EXCHANGES[name]["response"][part] for part in ("status", "body")}

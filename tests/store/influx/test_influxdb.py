"""InfluxStore and the recorded exchanges of a real server; expected values are read off the recorded lines."""

import statistics

import pytest

from heartguard_common.core.errors import ServiceError
from heartguard_influx.domain.point import Point, Verdict
from heartguard_influx.domain.query import ResultRow
from heartguard_influx.domain.windows import Every, Grid, grid
from heartguard_influx.store.influx.access import AccessError
from tests.fakes.influxdb.recorded import EXCHANGES
from tests.people import found
from tests.store.influx.recorded import BAND, BARE, BUCKET, SECOND, START, STOP, WATCH, Registry, selection

STORED = Verdict("stored")
BEAT = Point("heart_rate", BARE, {"bpm": 60.0}, START)
# The beats of the recording by series: seconds after 14:00 and bpm.
BEATS = {
    WATCH: [(20 * place, 60 + place) for place in range(12)],
    BAND: [(30 * place, 80 + place) for place in range(6)],
    BARE: [(3, 71)],
}


@pytest.fixture(scope="module")
def registry(module_database):
    registry = Registry(module_database, found(module_database))
    yield registry
    registry.pool.close()


def code(raised):
    return raised.value.row.code


# What the server answers about the bucket that the readiness asks for: the second recording, in the name of its bucket.
FOUND, ABSENT = "ready_bucket_found", "ready_bucket_absent"
WRITES, DELETES = "ready_write_nothing", "ready_delete_nothing"


def test_ready_means_that_the_token_may_read_write_and_delete(registry):
    with registry.before(FOUND, WRITES, DELETES) as influx:
        influx.server.ping()


def test_the_first_readiness_makes_its_bucket_by_a_token_without_rights_to_its_organization(registry):
    steps = (ABSENT, "ready_no_orgs", "ready_buckets_of_organization", "ready_bucket_made")
    with registry.before(*steps, FOUND, WRITES, DELETES) as influx:
        influx.server.ping()


def test_the_error_names_the_permissions_that_a_token_lacks(registry):
    with registry.before(ABSENT, "ready_no_orgs", "ready_no_buckets") as influx:
        error = refused_access(influx)
    assert error.reason.startswith("INFLUX_TOKEN may read neither a bucket of its organization nor its name")
    assert "--read-buckets --write-buckets" in str(error)


def refused_access(influx):
    with pytest.raises(AccessError) as raised:
        influx.server.ping()
    assert code(raised) == "TS_032"
    return raised.value


INACTIVE = "token_inactive_bucket_by_name_org_1"


@pytest.mark.parametrize(
    ("steps", "changed", "reason", "said"),
    [
        ([FOUND, WRITES], [INACTIVE, "token_inactive_write_nothing"], "INFLUX_TOKEN is inactive", "token is inactive"),
        (
            [FOUND, WRITES],
            ["token_write_only_bucket_by_name_org_1"],
            "INFLUX_TOKEN may not read buckets, or is inactive",
            "shows it none",
        ),
        (
            [FOUND],
            ["token_wrong_bucket_by_name_org_1"],
            "INFLUX_TOKEN is no token of that server",
            "answered 401 unauthorized access",
        ),
        (
            [FOUND],
            ["bucket_by_name_absent_org"],
            "INFLUX_ORG is no organization of that server",
            '404 organization name "',
        ),
        (
            [ABSENT, "ready_no_orgs", "ready_buckets_of_organization", "ready_bucket_made"],
            [None, None, None, "token_read_only_create_bucket"],
            "INFLUX_TOKEN may not make buckets",
            "401 write:orgs/",
        ),
        (
            [FOUND, WRITES],
            [None, "token_read_only_write_nothing"],
            "INFLUX_TOKEN may not write",
            "403 insufficient permissions for write",
        ),
        (
            [FOUND, WRITES, DELETES],
            [None, None, "token_read_only_delete"],
            "INFLUX_TOKEN may not delete points",
            "403 insufficient permissions to delete",
        ),
    ],
)
def test_the_error_names_the_right_that_a_token_lacks_and_the_servers_message(registry, steps, changed, reason, said):
    answers = {
        place: {part: EXCHANGES[name]["response"][part] for part in ("status", "body")}
        for place, name in enumerate(changed)
        if name is not None
    }
    with registry.before(*steps, changes=answers) as influx:
        error = refused_access(influx)
    assert error.reason == reason
    assert said in str(error)


def test_a_batch_is_one_request_of_line_protocol(registry):
    note = 'a "quoted" note, with comma'
    points = [
        Point("heart_rate", WATCH, {"bpm": 60.0, "confidence": 0.9}, START),
        Point("steps", BARE, {"count": 7.0}, START + 60 * SECOND),
        Point("heart_rate", BAND, {"bpm": 80.0, "resting": True, "note": note}, START + 30 * SECOND),
    ]
    with registry.before("ns_lines") as influx:
        assert influx.store.write(influx.bucket_id, points) == [STORED] * 3
    odd = Point("spo2", (("user_id", "u 1,=x"),), {"label": "ok", "ok": True, "value": 97.5}, START)
    with registry.before("ns_line") as influx:
        assert influx.store.write(influx.bucket_id, [odd]) == [STORED]


def test_points_of_one_series_and_instant_become_one_line_and_the_later_value_wins(registry):
    points = [
        Point("heart_rate", WATCH, {"bpm": 99.0, "confidence": 0.9}, START),
        Point("heart_rate", BAND, {"bpm": 80.0, "resting": False}, START + 30 * SECOND),
        Point("heart_rate", WATCH, {"bpm": 60.0}, START),
        Point("heart_rate", BAND, {"resting": True, "note": 'a "quoted" note, with comma'}, START + 30 * SECOND),
        Point("steps", BARE, {"count": 7.0}, START + 60 * SECOND),
    ]
    with registry.before("ns_lines") as influx:
        assert influx.store.write(influx.bucket_id, points) == [STORED] * 5


@pytest.mark.parametrize(("retention_days", "made"), [(90, "bucket_create/2"), (None, "bucket_forever")])
def test_the_first_point_makes_the_bucket_with_its_retention(registry, retention_days, made):
    steps = ("ns_unknown_bucket", "bucket_create/1", made, "ns_bucket_is_there")
    with registry.before(*steps, retention_days=retention_days) as influx:
        assert influx.store.write(influx.bucket_id, [BEAT]) == [STORED]


def test_a_bucket_created_by_another_process_is_used(registry):
    steps = ("ns_unknown_bucket", "bucket_create/1", "bucket_create_duplicate/2", "ns_bucket_is_there")
    with registry.before(*steps, retention_days=None) as influx:
        assert influx.store.write(influx.bucket_id, [BEAT]) == [STORED]


def test_a_deleted_bucket_is_not_made_again_by_a_late_batch(registry):
    with registry.before("own_bucket_absent") as influx:
        influx.buckets.remove(influx.bucket_id)
        with pytest.raises(ServiceError) as raised:
            influx.store.write(influx.bucket_id, [BEAT])
        assert code(raised) == "TS_001"


def test_a_conflict_of_types_rejects_its_point_and_no_other(registry):
    points = [
        Point("heart_rate", BARE, {"bpm": "text"}, START + 2 * SECOND),
        Point("heart_rate", BARE, {"bpm": 71.0}, START + 3 * SECOND),
    ]
    with registry.before("ns_conflict", "ns_conflict_alone", "ns_conflict_rest") as influx:
        rejected = Verdict("rejected", "the field bpm is of type float in InfluxDB")
        assert influx.store.write(influx.bucket_id, points) == [rejected, STORED]


def test_a_point_beyond_the_servers_retention_is_rejected_and_no_other(registry):
    points = [
        Point("heart_rate", BARE, {"bpm": 71.0}, START + 3 * SECOND),
        Point("heart_rate", BARE, {"bpm": 70.0}, 1786716000 * SECOND),
    ]
    with registry.before("ns_beyond_retention", "ns_beyond_retention_alone", "ns_beyond_retention_rest") as influx:
        rejected = Verdict("rejected", "the timestamp is older than the bucket keeps points")
        assert influx.store.write(influx.bucket_id, points) == [STORED, rejected]


def test_a_line_the_server_cant_parse_is_rejected_without_its_text(registry):
    with registry.before("ns_unparsable") as influx:
        assert influx.store.write(influx.bucket_id, [BEAT]) == [Verdict("rejected", "InfluxDB refused the point")]


def test_a_wrong_token_is_an_error_of_this_service(registry):
    with registry.before("ns_unauthorized", token="wrong") as influx, pytest.raises(ServiceError) as raised:
        influx.store.write(influx.bucket_id, [BEAT])
    assert code(raised) == "TS_032"
    assert raised.value.row.status == 502


def page(influx, registry, **more):
    fields = registry.know(influx.bucket_id)
    chosen = selection(influx.bucket_id)
    groups = influx.store.groups(chosen, None)
    arguments = {"after": None, "limit": 100, "descending": False, **more}
    rows, position = influx.store.points(chosen, groups, fields, **arguments)
    return [(groups[row.group].tags, row.time_ns, dict(row.values)) for row in rows], position


def test_raw_points_come_in_order_of_time(registry):
    with registry.before("bound_raw") as influx:
        rows, position = page(influx, registry)
    expected = [(tags, START + second * SECOND, {"bpm": bpm}) for tags in BEATS for second, bpm in BEATS[tags]]
    assert sorted(rows) == sorted(expected)
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    assert position is None


def test_a_series_that_is_not_registered_is_not_seen(registry):
    with registry.before("bound_raw_of_one") as influx:
        fields = registry.know(influx.bucket_id, series=[BAND])
        chosen = selection(influx.bucket_id)
        groups = influx.store.groups(chosen, None)
        rows, _ = influx.store.points(chosen, groups, fields, after=None, limit=100, descending=False)
    assert [row.values["bpm"] for row in rows] == [80, 81, 82, 83, 84, 85]


REFERENCE = {
    "mean": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "sum": sum,
    "count": len,
    "stddev": statistics.stdev,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
}


@pytest.mark.parametrize("aggregate", REFERENCE)
def test_windows_of_each_series(registry, aggregate):
    with registry.before(f"bound_{aggregate}") as influx:
        fields = registry.know(influx.bucket_id)
        chosen = selection(influx.bucket_id)
        groups = influx.store.groups(chosen, ["device", "user_id"])
        minutes = grid(Every(1, "m"), "UTC", START, STOP)
        rows = influx.store.windows(chosen, groups, fields, aggregate, minutes)
    expected = {}
    for tags, beats in BEATS.items():
        for second, bpm in beats:
            expected.setdefault((tags, START + second // 60 * 60 * SECOND), []).append(bpm)
    found = {(groups[row.group].tags, row.time_ns): (row.values["bpm"], row.points) for row in rows}
    assert found == {
        key: (
            None if aggregate == "stddev" and len(values) < 2 else pytest.approx(REFERENCE[aggregate](values)),
            len(values),
        )
        for key, values in expected.items()
    }


def test_means_of_series_are_joined_by_their_weight(registry):
    with registry.before("bound_mean") as influx:
        fields = registry.know(influx.bucket_id)
        chosen = selection(influx.bucket_id)
        groups = influx.store.groups(chosen, ())
        rows = influx.store.windows(chosen, groups, fields, "mean", grid(Every(1, "m"), "UTC", START, STOP))
    first = [60, 61, 62, 80, 81, 71]
    assert rows[0] == ResultRow(0, START, {"bpm": pytest.approx(sum(first) / 6)}, 6)
    assert [(row.time_ns - START) // SECOND for row in rows] == [0, 60, 120, 180]


def test_the_whole_range_is_one_window(registry):
    with registry.before("bound_total_mean") as influx:
        fields = registry.know(influx.bucket_id)
        chosen = selection(influx.bucket_id)
        groups = influx.store.groups(chosen, ())
        rows = influx.store.windows(chosen, groups, fields, "mean", Grid([START, STOP], None))
    values = [bpm for beats in BEATS.values() for _, bpm in beats]
    assert rows == [ResultRow(0, START, {"bpm": pytest.approx(sum(values) / len(values))}, len(values))]


def test_an_unwritten_bucket_and_an_unknown_measurement_are_empty(registry):
    with registry.before("bound_unknown_bucket", "bucket_by_name_and_org_absent", bucket="org_none") as influx:
        assert page(influx, registry) == ([], None)
    with registry.before("bound_none") as influx:
        fields = registry.know(influx.bucket_id, "none")
        chosen = selection(influx.bucket_id, "none")
        groups = influx.store.groups(chosen, None)
        assert influx.store.points(chosen, groups, fields, after=None, limit=100, descending=False) == ([], None)


@pytest.mark.parametrize("name", ["token_inactive_bucket_by_name_org_1", "token_write_only_bucket_by_name_org_1"])
def test_a_token_that_lost_its_rights_is_not_taken_for_an_empty_store(registry, name):
    answer = {part: EXCHANGES[name]["response"][part] for part in ("status", "body")}
    steps = ("bound_unknown_bucket", "bucket_by_name_and_org_absent")
    with (
        registry.before(*steps, changes={1: answer}, bucket="org_none") as influx,
        pytest.raises(ServiceError) as raised,
    ):
        page(influx, registry)
    assert code(raised) == "TS_032"


def test_a_write_while_its_bucket_is_being_made_is_repeated(registry):
    answer = {part: EXCHANGES["write_first_at_once/1"]["response"][part] for part in ("status", "body")}
    with registry.before("ns_bucket_is_there", "ns_bucket_is_there", changes={0: answer}) as influx:
        assert influx.store.write(influx.bucket_id, [BEAT]) == [STORED]
        assert len(influx.pauses) == 1


def test_a_person_is_erased_by_their_tag(registry):
    mine = (("device", "band"), ("user_id", "7"))
    with registry.before("bound_count_of_person", "delete_person", "bound_none_of_person") as influx:
        registry.know(influx.bucket_id, series=[mine, WATCH])
        assert influx.store.erase([influx.bucket_id], 7) == 18
        assert [group.tags for group in influx.store.groups(selection(influx.bucket_id), None)] == [WATCH]


def test_a_deletion_after_which_points_are_left_is_not_done(registry):
    mine = (("device", "band"), ("user_id", "7"))
    with registry.before("bound_count_of_person", "delete_person", "bound_count_of_person") as influx:
        registry.know(influx.bucket_id, series=[mine])
        with pytest.raises(ServiceError) as raised:
            influx.store.erase([influx.bucket_id], 7)
        assert code(raised) == "TS_033"
        assert [group.tags for group in influx.store.groups(selection(influx.bucket_id), None)] == [mine]


@pytest.mark.parametrize("steps", [("own_bucket_find", "bucket_delete/2"), ("own_bucket_absent",)])
def test_a_bucket_is_removed_here_and_there(registry, steps):
    with registry.before(*steps) as influx:
        assert influx.buckets.remove(influx.bucket_id) == 1
        assert influx.buckets.remove(influx.bucket_id) == 0


def test_a_bucket_that_went_meanwhile_is_gone(registry):
    with registry.before("own_bucket_find", "bucket_went") as influx:
        influx.server.remove_bucket(BUCKET)


@pytest.mark.parametrize("aggregate", ["mean", "count"])
def test_windows_leave_out_unregistered_series(registry, aggregate):
    with registry.before(f"bound_{aggregate}") as influx:
        fields = registry.know(influx.bucket_id, series=[BAND])
        chosen = selection(influx.bucket_id)
        groups = influx.store.groups(chosen, ())
        rows = influx.store.windows(chosen, groups, fields, aggregate, grid(Every(1, "m"), "UTC", START, STOP))
    minutes = [(0, [80, 81]), (60, [82, 83]), (120, [84, 85])]
    expected = [(START + second * SECOND, sum(beats) / 2 if aggregate == "mean" else 2, 2) for second, beats in minutes]
    assert [(row.time_ns, row.values["bpm"], row.points) for row in rows] == expected


def test_a_query_without_registered_series_does_not_ask_the_server(registry):
    with registry.before() as influx:
        fields = registry.know(influx.bucket_id, series=[])
        chosen = selection(influx.bucket_id)
        hours = grid(Every(1, "h"), "UTC", START, STOP)
        assert influx.store.latest(influx.bucket_id, [], {"heart_rate": fields}, tags={}, person=None) == []
        for groups, known in (([], fields), (influx.store.groups(chosen, None), fields)):
            assert influx.store.windows(chosen, groups, known, "mean", hours) == ()


def test_a_batch_without_points_for_a_deleted_bucket_says_that_it_is_gone(registry):
    with registry.before("own_bucket_absent") as influx:
        influx.buckets.remove(influx.bucket_id)
        with pytest.raises(ServiceError) as raised:
            influx.store.write(influx.bucket_id, [])
        assert code(raised) == "TS_001"
        assert influx.store.erase([influx.bucket_id], None) == 0

"""The same episodes with points in an InfluxDB, before the model of one; and a write that was never confirmed."""

from collections.abc import Iterator

import pytest

from heartguard_common.core.clock import SystemClock
from tests.fakes.influxdb.model import ModelInfluxDB
from tests.fakes.influxdb.recorded import ORG, TOKEN
from tests.running_services import RunningServices, running_services
from tests.servers import Database
from tests.service.alarm.test_evaluation import (
    Ward,
    steady,
    test_a_rehearsal_finds_what_the_rule_would_have_found,
    test_an_alarm_is_raised_and_cleared_once,
    test_late_points_merge_and_withdraw_and_the_first_id_stays,
    test_people_at_rest,
    ward,
)
from tests.service.alarm.test_no_data import make, states, write
from tests.service.alarm.test_real_recording import test_the_episodes_of_a_real_recording

__all__ = [
    "test_a_rehearsal_finds_what_the_rule_would_have_found",
    "test_an_alarm_is_raised_and_cleared_once",
    "test_late_points_merge_and_withdraw_and_the_first_id_stays",
    "test_people_at_rest",
    "test_the_episodes_of_a_real_recording",
    "ward",
]
GRANT = "GRANT UPDATE (ready_at, claimed_until) ON heartguard_core.changed_ranges TO heartguard_influx"
REVOKE = "REVOKE UPDATE (ready_at, claimed_until) ON heartguard_core.changed_ranges FROM heartguard_influx"


@pytest.fixture
def model() -> Iterator[ModelInfluxDB]:
    with ModelInfluxDB(SystemClock().now_ns()) as made:
        yield made


@pytest.fixture
def stack(database: Database, redis_url: str, model: ModelInfluxDB) -> Iterator[RunningServices]:
    where = {"INFLUX_URL": model.url, "INFLUX_TOKEN": TOKEN, "INFLUX_ORG": ORG}
    with running_services(database, redis_url, "influx", "alarm", **where) as running:
        yield running


def _write_without_confirming(ward: Ward, *values: tuple[float, float]) -> None:
    """The points reach the InfluxDB, and what should confirm them fails, as if the process had ended in between."""
    ward.rows(f"{REVOKE}; SELECT 1")
    with pytest.raises(AssertionError, match="GEN_50"):
        ward.write(*values)
    ward.rows(f"{GRANT}; SELECT 1")


def test_a_write_that_was_not_confirmed_is_evaluated_after_its_deadline(ward: Ward) -> None:
    ward.make()
    ward.write(*steady(0, 50, 130))
    ward.settle()
    _write_without_confirming(ward, *steady(60, 120, 130))
    later = "SELECT ready_at > clock_timestamp() + interval '40 seconds' FROM $changed_ranges"
    assert ward.rows(later) == [(True,)]
    ward.write(*steady(130, 140, 130))  # what follows does not wait for it
    left = "SELECT extract(epoch FROM ready_at - put_at)::integer FROM $changed_ranges"
    assert ward.rows("SELECT count(*) FROM $alarm_states") == [(1,)]
    assert ward.rows(f"{left} WHERE ready_at > clock_timestamp()") == [(60,)]
    ward.rows("UPDATE $changed_ranges SET ready_at = ready_at - interval '60 seconds' RETURNING id")
    assert ward.episodes() == [(0, None)]
    ward.write(*steady(150, 260, 100))
    assert len(ward.episodes()) == 1
    assert ward.transitions() == ["raised", "cleared"]


def test_missing_data_are_not_reported_before_the_deadline_of_a_write(ward: Ward) -> None:
    make(ward)
    write(ward, 58)
    ward.settle()
    _write_without_confirming(ward, (-1, 70))
    due = "SELECT due_ns > (extract(epoch FROM clock_timestamp()) - 2) * 1e9 FROM $alarm_due_times"
    ward.rows("SELECT pg_sleep(4)")
    assert ward.rows(due) == [(True,)], "it is due and looked at again and again"
    assert states(ward) == []
    ward.rows("UPDATE $changed_ranges SET ready_at = clock_timestamp() RETURNING id")
    ward.settle()
    assert states(ward) == []
    assert ward.rows("SELECT count(*) FROM $alarm_transitions") == [(0,)]

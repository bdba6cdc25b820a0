"""The heart rate of a real bicycle ride (examples/activity.fit), with episodes that were worked out by hand.

The recording has a sample each second from second 0 to 1072, except that 842 is missing. Read off the file, in seconds
since the first sample, both ends inclusive:

    above 160: 158 to 254, 712 to 873, 902 to 957, 994 to 1012
    above 155: 147 to 278, 709 to 890, 898 to 978, 989 to 1024, 1044 to 1061

A sample stands until the next one, so "158 to 254" is 97 s, from 158 until 255. The pause at 841 is 2 s, within
`max_gap`.
"""

import random
from typing import Any

import pytest

from heartguard_common.core.clock import rfc3339
from heartguard_common.core.paths import REPO_ROOT
from heartguard_importers import Reading
from tests.servers import until
from tests.service.alarm.test_evaluation import RULE, Ward, stack, ward

__all__ = ["stack", "ward"]

BASE = {**RULE, "threshold": 160, "max_gap_seconds": 5, "tolerance": 0.2}
# The window of 60 s qualifies with 48 s above 160. 158 + 48 = 206 is the first such sample: it began at 206 - 60 = 146.
# It ends with 24 s at or below 155 within 30 s: from 279 on, so at 279 + 24 = 303, and the window began at 273.
# The second is raised at 712 + 48 = 760 and starts at 700. Up to 1072 no 30 s have 24 s at or below 155: there are 7 s
# from 891, 10 s from 979, 19 s from 1025 and 10 s from 1062, and no 30 s have 24 s of them. So it stays open.
MINUTE = (
    {"clear_threshold": 155, "for_seconds": 60, "clear_after_seconds": 30},
    [(146, 273), (700, None)],
)
# 16 s of 20 s. Raised at 158 + 16 = 174, so from 154; cleared at 255 + 16 = 271, so until 251.
# Raised at 712 + 16 = 728, from 708; 874 to 901 are 28 s at or below 160: cleared at 874 + 16 = 890, until 870.
# Raised at 902 + 16 = 918, from 898, which is after 870; cleared at 958 + 16 = 974, until 954.
# Raised at 994 + 16 = 1010, from 990. At 1013 + 16 = 1029 the window is low enough, but it began at 1009, before the
# sample that raised; at 1030 it began at 1010, with 17 s: until 1010.
SHORT = (
    {"clear_threshold": 160, "for_seconds": 20, "clear_after_seconds": 20},
    [(154, 251), (708, 870), (898, 954), (990, 1010)],
)
# One sample is enough: from the first sample above 160 until the first at or below 155 after it. 255 to 278 lie between
# the thresholds, and so do 874 to 890.
AT_ONCE = (
    {"clear_threshold": 155, "for_seconds": 0, "clear_after_seconds": 0},
    [(158, 279), (712, 891), (902, 979), (994, 1025)],
)
# No second of the ride is below 100, and nothing is above 185, which is its highest value.
NEVER = ({"threshold": 185, "for_seconds": 0, "clear_after_seconds": 0, "clear_threshold": 185}, [])
CASES = (MINUTE, SHORT, AT_ONCE, NEVER)


def ride() -> list[tuple[int, float]]:
    """Nanoseconds and value of each sample."""
    records = Reading(REPO_ROOT / "examples" / "activity.fit")
    return [(it.time, float(it.fields["bpm"])) for it in records if it.measurement == "heart_rate"]


@pytest.mark.parametrize("seed", [1])
def test_the_episodes_of_a_real_recording(ward: Ward, seed: int) -> None:
    samples = ride()
    begin = samples[0][0]
    assert (len(samples), samples[-1][0] - begin) == (1072, 1072 * 10**9)
    rules = [ward.make(**{**BASE, **more}) for more, _ in CASES]
    ward.rows("UPDATE $alarm_rule_versions SET from_ns = 1 RETURNING version")
    client = ward.stack.client("influx")
    chance = random.Random(seed)
    batches = [samples[first : first + 90] for first in range(0, len(samples), 90)]
    chance.shuffle(batches)
    for batch in batches:
        points = [
            {
                "measurement": "heart_rate",
                "tags": {"user_id": str(ward.member)},
                "fields": {"bpm": value},
                "timestamp": rfc3339(time_ns),
            }
            for time_ns, value in batch
        ]
        body = {"bucket": f"org_{ward.org}", "points": points}
        assert client.post("/timeseries/write", json=body, headers=ward.admin).status_code == 200
    until(lambda: ward.rows("SELECT count(*) FROM $changed_ranges") == [(0,)], "the evaluation of all changes")

    def seconds(time_ns: int | None) -> float | None:
        return None if time_ns is None else (time_ns - begin) / 1e9

    found: dict[str, list[Any]] = {rule["id"]: [] for rule in rules}
    for rule_id, start, end in ward.rows(
        "SELECT rule_id, start_ns, end_ns FROM $alarm_episodes WHERE withdrawn_at IS NULL ORDER BY start_ns"
    ):
        found[str(rule_id)].append((seconds(start), seconds(end)))
    assert [found[rule["id"]] for rule in rules] == [expected for _, expected in CASES]
    span = {"range_start": rfc3339(begin), "range_stop": rfc3339(samples[-1][0] + 1)}
    for more, expected in CASES:
        asked = {name: value for name, value in {**BASE, **more}.items() if name != "enabled"}
        document = {"rule": asked, "user_id": ward.member, **span}
        tried = ward.stack.client("alarm").post("/alarms/rules/rehearse", json=document, headers=ward.admin).get_json()
        starts = [rfc3339(begin + start * 10**9) for start, _ in expected]
        assert [it["start"] for it in tried["items"]] == starts

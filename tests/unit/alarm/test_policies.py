"""Notification policies: when steps are due, and what contradicts itself."""

from datetime import UTC, datetime

import pytest

from heartguard_alarm.domain.policies import Due, Policy, violations
from heartguard_common.messages import AlarmPolicyRequest

SECOND_NS = 1_000_000_000
EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def policy(**more: object) -> Policy:
    steps = [{"after_seconds": 0, "channels": ["a"]}, {"after_seconds": 600, "channels": ["a", "b"]}]
    settings: AlarmPolicyRequest = {"name": "Ward", "steps": steps, **more}  # type: ignore[typeddict-item]
    return Policy(1, "p", settings, 0, 0)


def test_steps_follow_each_other_and_begin_again() -> None:
    ward = policy(repeat_seconds=7200)
    assert ward.due(0, 0) == Due(0, 0, 30)
    due = [Due(0, 0, 30)]
    while len(due) < 4 and (following := ward.following(due[-1].step, due[-1].repeat)) is not None:
        due.append(following)
    assert due == [Due(0, 0, 30), Due(1, 0, 600), Due(0, 1, 7230), Due(1, 1, 7800)]
    assert policy(repeat_seconds=0).following(1, 0) is None
    assert (list(ward.channels), list(ward.channels_of(1)), list(ward.channels_of(2))) == (["a", "b"], ["a", "b"], [])


@pytest.mark.parametrize(
    ("more", "paths"),
    [
        ({}, []),
        ({"repeat_seconds": 600}, ["/repeat_seconds"]),
        ({"group_wait_seconds": 600}, ["/steps/1/after_seconds"]),
        ({"quiet_hours": {"zone": "Europe/Atlantis", "ranges": []}}, ["/quiet_hours/zone"]),
    ],
)
def test_a_policy_that_contradicts_itself(more: dict[str, object], paths: list[str]) -> None:
    assert [it.path for it in violations(policy(**more).settings)] == paths


@pytest.mark.parametrize(
    ("now", "loud"),
    [
        ("2026-11-30T20:59:59Z", "2026-11-30T20:59:59Z"),  # 21:59:59 in Madrid
        ("2026-11-30T21:00:00Z", "2026-12-01T06:00:00Z"),
        ("2026-12-01T05:59:59Z", "2026-12-01T06:00:00Z"),
        ("2026-12-01T06:00:00Z", "2026-12-01T06:00:00Z"),
        # The night in which clocks go back is an hour longer, the one in which they go forward an hour shorter.
        ("2026-10-24T20:00:00Z", "2026-10-25T06:00:00Z"),
        ("2026-03-28T21:00:00Z", "2026-03-29T05:00:00Z"),
    ],
)
def test_quiet_hours_end_when_the_clocks_show_it(now: str, loud: str) -> None:
    night = {"zone": "Europe/Madrid", "ranges": [{"days": EVERY_DAY, "start": "22:00", "stop": "07:00"}]}
    ward = policy(quiet_hours=night)
    assert ward.loud_at(nanoseconds(now)) == nanoseconds(loud)


def test_quiet_hours_that_never_end_hold_nothing_back() -> None:
    always = {"zone": "UTC", "ranges": [{"days": EVERY_DAY, "start": "00:00", "stop": "24:00"}]}
    assert policy(quiet_hours=always).loud_at(5) == 5


def nanoseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * SECOND_NS

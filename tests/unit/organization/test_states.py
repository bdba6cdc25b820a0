"""Plans and the use of limits, without database and network."""

import pytest

from heartguard_common.core.clock import parse_rfc3339
from heartguard_common.core.settings import SettingsError
from heartguard_organization.settings import PLANS, Settings, plans_file, read_plans
from heartguard_organization.states.domain import DAY_NS, PlanTerm, Use, crossings, parse_plans, warning

END = parse_rfc3339("2027-01-31T00:00:00Z")


def test_a_plan_runs_until_its_end_and_everything_works_in_the_grace() -> None:
    term = PlanTerm("trial", END, 7)
    at = {0: "grace", -1: "running", 7 * DAY_NS - 1: "grace", 7 * DAY_NS: "ended"}
    assert {after: term.stage_at(END + after) for after in at} == at
    assert PlanTerm("trial", END, 0).stage_at(END) == "ended"
    assert PlanTerm("unlimited", None, 7).stage_at(END * 2) == "running"


def test_each_level_is_reported_once_until_much_less_is_used() -> None:
    levels: dict[str, int] = {}
    found = []
    for used in (79, 80, 99, 79, 76, 80, 75, 80, 130, 96, 100, 95, 100, 10, 100):
        levels, reached = crossings(levels, [Use("members", used, 100)])
        found += [(used, level) for _, level in reached]
    assert found == [(80, 80), (80, 80), (130, 100), (100, 100), (100, 80), (100, 100)]


@pytest.mark.parametrize(
    ("used", "value", "percent"), [(0, 0, 0), (1, 0, 100), (199, 200, 99), (10**15, 1, 999), (2, 3, 66)]
)
def test_percent_are_rounded_down(used: int, value: int, percent: int) -> None:
    assert Use("members", used, value).percent == percent


def test_the_header_names_limits_and_the_end_of_a_plan() -> None:
    uses = [Use("stored_points", 83, 100), Use("series", 79, 100), Use("members", 3, 2)]
    assert warning(uses, None) == "stored_points;used=83, members;used=150"
    assert warning([], PlanTerm("trial", END, 7)) == ""
    assert warning([], PlanTerm("trial", END, 7, "grace")) == f"plan;read-only-from=@{END // 10**9 + 7 * 86_400}"


def test_the_plans_that_come_with_it_are_valid() -> None:
    plans = read_plans(PLANS)
    assert list(plans) == ["trial", "standard", "unlimited", "demo"]
    assert (plans["trial"].days, plans["trial"].grace_days, plans["trial"].limits["members"]) == (30, 7, 25)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[trial", "not TOML"),
        ("trial = 3", "bad plan 'trial'"),
        ("[Trial]", "bad plan 'Trial'"),
        ("[trial]\nprice = 3", "unknown key price"),
        ("[trial]\ndays = 0", "bad days"),
        ("[trial]\ndays = true", "bad days"),
        ("[trial]\ngrace_days = -1", "bad grace_days"),
        ("[trial]\nlimits = 3", "limits that are no table"),
        ("[trial.limits]\npeople = 3", "no limit of an organization"),
        ("[trial.limits]\nfoundings_per_address_per_day = 3", "no limit of an organization"),
        ("[trial.limits]\nmembers = -3", "bad members"),
        ("[trial.limits]\nmembers = 1.5", "bad members"),
    ],
)
def test_an_invalid_file_of_plans_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_plans(text)


def test_a_missing_file_is_named_at_the_start() -> None:
    with pytest.raises(SettingsError, match="PLANS_FILE names no file"):
        Settings.from_env({"PLANS_FILE": "/nowhere/plans.toml"})
    assert plans_file(str(PLANS)) == PLANS

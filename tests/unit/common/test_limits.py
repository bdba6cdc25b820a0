"""The table of limits, and the variable that gives other defaults."""

import pytest

from heartguard_common.core.limit_table import BY_NAME
from heartguard_common.core.limits import LimitError, limit_values, sentence


def test_default_limits_are_read_from_one_line():
    assert dict(limit_values("members=5, points_per_day=0,,")) == {"members": 5, "points_per_day": 0}
    assert limit_values("") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("people=5", "knows no limit people; there are points_per_day"),
        ("members", "must give members a whole number, as in members=10000"),
        ("members=-1", "must give members"),
        ("members=1e3", "must give members"),
        ("members=9999999999999999", "must give members"),
    ],
)
def test_an_unknown_limit_or_an_invalid_number_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        limit_values(text)


@pytest.mark.parametrize(("wait", "status"), [(None, 409), (0, 429), (90, 429)])
def test_a_refusal_names_the_limit_its_value_and_how_to_make_room(wait, status):
    error = LimitError("members", 5, wait_seconds=wait)
    assert (error.error_code.status, error.limit) == (status, "members")
    assert error.message == sentence("members", 5)
    assert "members of 5 people" in error.message
    assert BY_NAME["members"].freed in error.message
    assert error.headers.get("Retry-After") == (None if wait is None else str(max(1, wait)))

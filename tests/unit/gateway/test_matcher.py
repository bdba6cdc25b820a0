"""Finding rules, and the sizes of buckets."""

import pytest

from heartguard_common.identity.policy import load
from heartguard_gateway.domain import split_path
from heartguard_gateway.route_matching import Matcher, compile_limits

ITEM = "01890a5d-ac96-774b-bcce-b302099a8057"
MATCHER = Matcher(load())


LEADS = [
    ("GET", "/users/me", "user.read_self", {}),
    ("HEAD", "/users/me", "user.read_self", {}),
    ("PUT", "/users/me", "user.update_self", {}),
    ("GET", "/users/12", "user.read", {"user_id": "12"}),
    ("GET", "/users/health", "user.health", {}),
    ("GET", f"/media/items/{ITEM}", "media.read", {"item_id": ITEM}),
    ("GET", f"/media/items/{ITEM}/download", "media.download", {"item_id": ITEM}),
    ("DELETE", "/timeseries/buckets/org_1%20a", "timeseries.delete_bucket", {"bucket": "org_1 a"}),
    ("GET", "/schemas/user.xsd", "gateway.schemas", {"file": "user.xsd"}),
    ("GET", "/", "gateway.landing", {}),
    ("GET", "/docs/", "gateway.docs", {}),
    ("GET", "/schemas/", "gateway.schema_index", {}),
]


def test_a_path_leads_to_its_rule(subtests: pytest.Subtests) -> None:
    for method, path, rule, params in LEADS:
        with subtests.test(path):
            match = MATCHER.find(split_path(path))
            assert match is not None
            assert match.rules[method].id == rule
            assert match.params == params


NOWHERE = ["//", "/docs//", "/users/", "//users/me", "/users//me", "/users/me/", "/Users/me", "/users/0", "/users/012",
 "/users/-1", "/users/1e3", "/users/%31%20", "/users/①", "/media/items/x", "/api/v1/", "/auth"]  # fmt: skip


def test_any_other_path_leads_nowhere(subtests: pytest.Subtests) -> None:
    for path in NOWHERE:
        with subtests.test(path):
            escaped = path.replace("①", "%E2%91%A0")
            assert MATCHER.find(split_path(escaped)) is None


def test_allow_lists_all_methods_of_a_path() -> None:
    match = MATCHER.find(split_path("/users/me"))
    assert match is not None
    assert match.allow == "GET, HEAD, OPTIONS, PUT"


def test_every_rule_is_found_by_its_own_path() -> None:
    for rule in load().rules:
        example = {"integer": "5", "uuid": ITEM, "text": "x"}
        segments = tuple(example[part.kind] if part.kind else part.text for part in rule.segments)
        match = MATCHER.find(segments)
        assert match is not None
        assert (match.rules[rule.method], match.segments) == (rule, segments)
        alias = MATCHER.find(("api", "v1", *segments))
        assert (alias is not None) == rule.versioned
        assert alias is None or (alias.rules, alias.params, alias.segments) == (match.rules, match.params, segments)


def test_one_variable_scales_all_classes() -> None:
    limits = compile_limits(load(), 100, 60)
    sizes = {name: (limit.capacity, limit.interval_us) for name, limit in limits.items()}
    assert sizes["default"] == (100, 600_000)
    assert sizes["login"] == (10, 6_000_000)
    assert sizes["address"] == (2000, 30_000)
    assert compile_limits(load(), 200, 60)["login"].capacity == 20


def test_no_bucket_is_smaller_than_one_token() -> None:
    login = compile_limits(load(), 3, 60)["login"]
    assert (login.capacity, login.interval_us) == (1, 200_000_000)

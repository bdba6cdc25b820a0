"""`heartguard policy explain`: the decisions themselves; tests/protection has those of the running gateway."""

import pytest

from heartguard_common.core.settings import Rate
from heartguard_common.identity import policy
from heartguard_common.identity.authentication import Principal
from heartguard_gateway.explain import RefusedError, decide, describe, find_rule, main

POLICY = policy.load()
USER = Principal("person", "user", user_id=12, org_id=3)


@pytest.mark.parametrize(
    ("method", "path", "says"),
    [
        ("GET", "/users/../organization", "400 GW_001: the path has a dot segment"),
        ("GET", "/users/%2e%2e", "400 GW_001: the path has a dot segment"),
        ("GET", "/users/a%2Fb", "400 GW_001"),
        ("GET", "/nowhere", "404 GEN_404: no rule knows /nowhere"),
        ("GET", "/Users/me", "404 GEN_404"),
        ("POST", "/users/me", "405 GEN_405: this path has rules for GET, HEAD, OPTIONS, PUT only"),
    ],
)
def test_what_no_rule_decides_is_refused(method: str, path: str, says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        find_rule(POLICY, method, path)


def test_a_fixed_segment_goes_before_a_parameter() -> None:
    assert find_rule(POLICY, "GET", "/users/me?x=1").id == "user.read_self"
    assert find_rule(POLICY, "HEAD", "/users/12").id == "user.read"


def test_a_rule_says_who_how_often_and_whether_it_is_audited() -> None:
    explanation = dict(describe(find_rule(POLICY, "POST", "/auth/login"), POLICY, Rate(100, 60)))
    assert explanation == {
        "rule": "auth.login (POST /auth/login)",
        "leads to": "the service auth",
        "who": "anyone",
        "limits": "address: 2000 in 60 s, login: 10 in 60 s",
        "audited": "yes",
    }


def test_the_reason_names_the_scope_or_the_refusal() -> None:
    read_self = find_rule(POLICY, "GET", "/users/me")
    assert "gives user the scope self" in decide(read_self, USER, inner=False)
    with pytest.raises(RefusedError, match="401 GEN_401"):
        decide(read_self, None, inner=False)
    with pytest.raises(RefusedError, match="403 GEN_403"):
        decide(find_rule(POLICY, "GET", "/users"), USER, inner=False)
    ready = find_rule(POLICY, "GET", "/users/ready")
    assert "place" in decide(ready, None, inner=True)
    with pytest.raises(RefusedError, match="401 GEN_401"):
        decide(ready, None, inner=False)


def test_a_route_between_services_says_which_ones_and_where() -> None:
    erase = find_rule(POLICY, "POST", "/users/erasures")
    explanation = dict(describe(erase, POLICY, Rate(100, 60)))
    assert explanation["who"] == "services, at the own port of user: organization"
    named = Principal("service", "service", name="organization")
    assert "the gateway refuses it (GW_020)" in decide(erase, named, inner=False)
    with pytest.raises(RefusedError, match="403 GEN_403"):
        decide(erase, Principal("service", "service", name="media"), inner=False)


def test_the_exit_code_says_whether_it_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert "no problems" in capsys.readouterr().out

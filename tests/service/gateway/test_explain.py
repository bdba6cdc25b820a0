"""`heartguard policy explain` for a caller: by role, or by token with auth's word on whether it still counts."""

import io
import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from heartguard_common.core.registry import SERVICES
from heartguard_gateway.explain import main
from tests.service.gateway.stack import Backend, Handler
from tests.tokens import JWT_SECRET, OPERATOR_TOKEN, service_secret, token_for

Explain = Callable[..., tuple[int, dict[str, str]]]
MINE = ("GET", "/users/me")


def introspected(*, active: bool) -> Callable[[Handler], None]:
    """An auth that says so of every token (RFC 7662 section 2.2)."""
    return lambda handler: handler.reply(200, json.dumps({"active": active}).encode())


@pytest.fixture
def auth() -> Iterator[Backend]:
    with Backend(introspected(active=True)).running() as backend:
        yield backend


@pytest.fixture
def explain(auth: Backend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Explain:
    """The exit status, and each text by its label."""
    secrets = {name: service_secret(name) for name in SERVICES} | {"operator": OPERATOR_TOKEN}
    digests = [f"{name}:{sha256(text.encode()).hexdigest()}" for name, text in secrets.items()]
    environment = {
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "AUTH_URL": auth.url,
        "SERVICE_SECRET": service_secret("gateway"),
        "SERVICE_CREDENTIALS": ",".join(digests),
        "JWT_SECRET": JWT_SECRET,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, dict[str, str]]:
        status = main(["explain", *arguments])
        lines = capsys.readouterr().out.splitlines()
        return status, {line[:11].strip(): line[11:].strip() for line in lines}

    return run


def test_a_token_is_named_and_passes_where_its_role_may(explain: Explain) -> None:
    status, explanation = explain(*MINE, "--token", token_for(12, "user", 3))
    assert status == 0
    assert explanation["caller"] == "user 12 of organization 3, user"
    assert explanation["decision"].startswith("passes: the rule gives user the scope self")


def test_a_token_can_come_from_standard_input(explain: Explain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(token_for(12, "user", 3) + "\n"))
    assert explain(*MINE, "--token", "-")[1]["caller"] == "user 12 of organization 3, user"


def test_a_revoked_token_does_not_pass(explain: Explain, auth: Backend) -> None:
    with auth.behaving(introspected(active=False)):
        status, explanation = explain(*MINE, "--token", token_for(12, "user", 3))
    assert (status, explanation["decision"]) == (1, "401 GEN_401_TOKEN: the token is revoked")


def test_a_token_of_another_issuer_does_not_pass_and_auth_is_not_asked(explain: Explain, auth: Backend) -> None:
    status, explanation = explain(*MINE, "--token", token_for(12, "user", 3, secret="x" * 40))
    assert status == 1
    assert explanation["decision"].startswith("401 ")
    assert auth.seen == []


def test_the_verdict_is_unknown_while_auth_is_broken(explain: Explain, auth: Backend) -> None:
    with auth.behaving(lambda handler: handler.reply(500, b"{}")):
        status, explanation = explain(*MINE, "--token", token_for(12, "user", 3))
    assert status == 1
    assert explanation["decision"].startswith("503 ")


def test_auth_is_not_asked_about_the_operators_token(explain: Explain, auth: Backend) -> None:
    status, explanation = explain("GET", "/gateway/metrics", "--token", OPERATOR_TOKEN)
    assert (status, explanation["caller"]) == (0, "somebody with the role operator")
    assert auth.seen == []


@pytest.mark.parametrize(("role", "passes"), [("user", False), ("manager", True), ("operator", False)])
def test_a_role_stands_for_some_caller_of_it(explain: Explain, role: str, passes: bool) -> None:
    # the plan's table: only admins and managers list the users of their organization
    status, explanation = explain("get", "/users", "--as", role)
    assert explanation["caller"] == f"somebody with the role {role}"
    assert (status, explanation["decision"].startswith("passes: ")) == (0 if passes else 1, passes)


def test_without_credentials_the_answer_is_401(explain: Explain) -> None:
    status, explanation = explain(*MINE)
    assert (status, explanation["caller"]) == (1, "nobody: no credentials")
    assert explanation["decision"].startswith("401 GEN_401")


def test_inner_is_named_and_opens_inner_rules(explain: Explain) -> None:
    status, explanation = explain("GET", "/gateway/ready", "--inner")
    assert status == 0
    assert explanation["caller"] == "nobody: no credentials, on the inner network"
    assert explanation["who"] == "the operator, or anyone on the inner network"
    assert explanation["leads to"] == "the gateway itself"


def test_credentials_are_not_checked_where_the_rule_ignores_them(explain: Explain, auth: Backend) -> None:
    status, explanation = explain("GET", "/gateway/health", "--token", "nonsense")
    assert (status, explanation["limits"]) == (0, "none")
    assert explanation["decision"] == "passes: the rule is open to anyone"
    assert auth.seen == []


def test_an_unknown_route_is_reported_and_does_not_pass(explain: Explain) -> None:
    status, explanation = explain("GET", "/nowhere")
    assert status == 1
    assert explanation["decision"].startswith("404 GEN_404")


def test_an_invalid_policy_is_reported_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faulty = tmp_path / "policy.toml"
    faulty.write_text("[classes]\ndefault = -1\n")
    assert main(["check"], faulty) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("services/gateway/policy.toml: ")

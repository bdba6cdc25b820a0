"""What is asked of Docker Compose, and how its answers are read; a script takes the place of `docker`."""

import stat
from pathlib import Path

import pytest

from heartguard_cli.docker import Compose
from heartguard_cli.errors import CommandError

STAND_IN = """#!/bin/sh
echo "$*" >>"$(dirname "$0")/calls"
echo "$1 $2 services=$SERVICE_CREDENTIALS" >>"$(dirname "$0")/calls"
echo "$1 $2 credentials=$GOOGLE_APPLICATION_CREDENTIALS" >>"$(dirname "$0")/calls"
case "$*" in
*version*) echo v2 ;;
*"ps --format json"*) cat "$(dirname "$0")/answer" ;;
esac
"""
GATEWAY = '{"Service":"gateway","State":"running","Health":"healthy"}'
POSTGRES = '{"Service":"postgres","State":"running","Health":""}'


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "docker"
    program.write_text(STAND_IN)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


@pytest.mark.parametrize("answer", [f"{GATEWAY}\n{POSTGRES}\n", f"[{GATEWAY},{POSTGRES}]"])
def test_up_builds_waits_and_prints_the_table(docker: Path, capsys: pytest.CaptureFixture[str], answer: str) -> None:
    (docker / "answer").write_text(answer)
    Compose(docker).up({"GATEWAY_PORT": "5050"})
    assert "compose up -d --build" in (docker / "calls").read_text()
    assert "http://127.0.0.1:5050/gateway" in capsys.readouterr().out


def test_without_google_credentials_nothing_is_mounted_in_their_place(
    docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (docker / "answer").write_text(GATEWAY)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    Compose(docker, docker / "missing.json").up({"GATEWAY_PORT": "5050"})
    assert "compose up credentials=/dev/null" in (docker / "calls").read_text()


def test_named_google_credentials_are_left_as_they_are(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (docker / "answer").write_text(GATEWAY)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/etc/hg.json")
    Compose(docker).up({"GATEWAY_PORT": "5050", "GOOGLE_APPLICATION_CREDENTIALS": "/etc/hg.json"})
    assert "compose up credentials=/etc/hg.json" in (docker / "calls").read_text()


def test_derived_credentials_of_the_services_reach_compose(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (docker / "answer").write_text(GATEWAY)
    monkeypatch.delenv("SERVICE_CREDENTIALS", raising=False)
    Compose(docker).up({"SERVICE_CREDENTIALS": "media:abc"})
    assert "compose up services=media:abc" in (docker / "calls").read_text()


@pytest.mark.parametrize(
    ("answer", "well"),
    [(f"{GATEWAY}\n{POSTGRES}\n", True), (GATEWAY.replace("healthy", "unhealthy"), False), ("", False)],
)
def test_its_state_is_that_of_its_containers(docker: Path, answer: str, well: bool) -> None:
    (docker / "answer").write_text(answer)
    assert Compose(docker).running() is bool(answer)
    found, ready = Compose(docker).state({"GATEWAY_PORT": "5050"})
    assert ready is well
    assert ("gateway" in {it.service for it in found}) is bool(answer)


def test_down_stops_the_existing_containers(docker: Path) -> None:
    (docker / "answer").write_text(GATEWAY)
    assert Compose(docker).down()
    assert "compose down" in (docker / "calls").read_text()


def test_down_leaves_absent_containers_alone(docker: Path) -> None:
    (docker / "answer").write_text("")
    assert not Compose(docker).down()
    assert "compose down" not in (docker / "calls").read_text()


def test_without_docker_up_reports_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="Docker Compose is not installed"):
        Compose(tmp_path).up({})
    assert not Compose(tmp_path).down()


def test_a_compose_that_fails_is_reported(docker: Path) -> None:
    (docker / "docker").write_text("#!/bin/sh\ncase $* in *version*) echo v2 ;; *up*) exit 17 ;; esac\n")
    with pytest.raises(CommandError, match="docker compose up has failed"):
        Compose(docker).up({})


def test_what_the_command_reads_counts_before_what_compose_reads(docker: Path) -> None:
    (docker / "docker").write_text(STAND_IN.replace('echo "$*" ', 'echo "smtp=$SMTP_URL" '))
    (docker / "answer").write_text(GATEWAY)
    Compose(docker).up({"SMTP_URL": "smtp://hg:pa$$word@mail.example"})
    assert "smtp=smtp://hg:pa$$word@mail.example" in (docker / "calls").read_text()


def test_a_backup_that_failed_keeps_no_start_waiting(docker: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = '{"Service":"backup","State":"running","Health":"unhealthy"}'
    (docker / "answer").write_text(f"{GATEWAY}\n{failed}\n")
    Compose(docker).up({"GATEWAY_PORT": "5050"})
    assert "running (unhealthy)" in capsys.readouterr().out

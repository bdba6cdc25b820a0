"""Log lines of all services: of one request, filtered, followed, and as a person reads them."""

import contextlib
import json
from pathlib import Path

import click
import pytest

from heartguard_cli.__main__ import main
from heartguard_cli.layout import Layout
from heartguard_cli.log_text import text_of
from heartguard_cli.service_logs import LogFilter, LogLine, follow, last, of_request, parsed

ALL = LogFilter()


def lines_of(request_id: str, directory: Path) -> list[str]:
    return [line.text for line in of_request(directory, request_id, ALL)]


def _line(second: int, service: str, request_id: str | None, **more: object) -> str:
    document = {"timestamp": f"2026-01-01T00:00:{second:02}Z", "service": service, "request_id": request_id, **more}
    return json.dumps(document)


def test_all_lines_of_a_request_come_in_time_order_and_no_others(tmp_path: Path) -> None:
    gateway = _line(9, "gateway", "visit-7", gateway_request_id="g-1")
    old, user, auth = (_line(second, name, "visit-7") for second, name in ((1, "user"), (5, "user"), (3, "auth")))
    (tmp_path / "gateway.log").write_text(gateway + "\n" + _line(2, "gateway", "visit-77", path="visit-7") + "\n")
    (tmp_path / "user.log.1").write_text(old + "\n")
    (tmp_path / "user.log").write_text(f'no JSON visit-7\n["visit-7"]\n{user}\n' + _line(4, "user", None) + "\n")
    (tmp_path / "auth.log").write_text(auth + "\n" + auth[:20])
    assert lines_of("visit-7", tmp_path) == [old, auth, user, gateway]
    assert lines_of("g-1", tmp_path) == [old, auth, user, gateway]
    assert lines_of("visit", tmp_path) == []


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Logs of three programs, one with an older file, and the last words of an interpreter in another."""
    old = [_line(1, "gateway", "r1", level="info", method="GET", path="/a", status=200, user_id=7)]
    new = [
        _line(4, "gateway", "r2", level="info", method="GET", path="/b", status=404, user_id=8),
        _line(9, "gateway", "r3", level="info", method="GET", path="/c", status=503, user_id=7),
    ]
    auth = [
        _line(2, "auth", None, level="warning", message="slow"),
        "Traceback (most recent call last):",
        "KeyError: 2",
    ]
    consumer = [_line(3, "audit", None, level="error", message="lost")]
    files = {"gateway.log.1": old, "gateway.log": new, "auth.log": auth, "consumer.log": consumer, "valkey.log": ["x"]}
    for name, lines in files.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    return tmp_path


def seconds(lines: list[LogLine]) -> list[str]:
    return [line.at[-2:] if line.document else line.text for line in lines]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ALL, ["01", "02", "Traceback (most recent call last):", "KeyError: 2", "03", "04", "09"]),
        (LogFilter(programs=("gateway",)), ["01", "04", "09"]),
        (LogFilter(level="warning"), ["02", "03"]),
        (LogFilter(since="2026-01-01T00:00:03.5"), ["04", "09"]),
        (LogFilter(user=7), ["01", "09"]),
        (LogFilter(statuses=("404", "5xx")), ["04", "09"]),
        (LogFilter(user=7, statuses=("5xx",)), ["09"]),
    ],
)
def test_lines_are_filtered_and_in_the_order_of_their_times(
    directory: Path, wanted: LogFilter, found: list[str]
) -> None:
    assert seconds(last(directory, wanted, None)) == found
    assert seconds(last(directory, wanted, 2)) == found[-2:]


def test_a_long_file_is_read_from_its_end(tmp_path: Path) -> None:
    lines = [_line(number % 60, "auth", f"r{number}", message="x" * 300) for number in range(3000)]
    (tmp_path / "auth.log").write_text("\n".join(lines) + "\nhalf a li")
    assert [line.text for line in last(tmp_path, LogFilter(programs=("auth",)), 1000)] == lines[-1000:]


def test_new_lines_are_followed_through_a_rotation(directory: Path) -> None:
    log, written = directory / "gateway.log", []

    def pause(_: float) -> None:
        """Write something whenever the reader waits; the third time after the supervisor has renamed the file."""
        step = len(written)
        written.append(step)
        if step == 0:
            with log.open("a") as stream:
                stream.write(_line(10, "gateway", "r4")[:30])
        elif step == 1:
            with log.open("a") as stream:
                stream.write(_line(10, "gateway", "r4")[30:] + "\n")
        elif step == 2:
            log.rename(directory / "gateway.log.2")
            log.write_text(_line(11, "gateway", "r5") + "\n")
        else:
            raise KeyboardInterrupt

    found = []
    with contextlib.suppress(KeyboardInterrupt):
        for line in follow(directory, LogFilter(programs=("gateway",)), 1, pause):
            found.append(line)  # noqa: PERF402 - the end of the iterator is an exception
    assert seconds(found) == ["09", "10", "11"]


def test_a_person_reads_colours_and_no_control_characters() -> None:
    document = json.dumps(
        {
            "timestamp": "2026-01-01T08:15:30.123456Z",
            "level": "info",
            "method": "GET",
            "path": "/x\x1b[2J",
            "status": 404,
        }
        | {"latency_ms": 1.5, "user_id": 7, "org_id": 3, "code": "GEN_404", "request_id": "r1", "refused_by": "admit"}
    )
    text = text_of(LogLine("gateway", "2026-01-01T08:15:30.123456", document, parsed(document)))
    assert "\x1b[33m" in text
    assert click.unstyle(text) == (
        "08:15:30.123  gateway       GET /x\\x1b[2J 404 1.5 ms GEN_404 user 7 organization 3 refused_by=admit  r1"
    )


def test_a_pipe_gets_the_lines_of_json_unchanged(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "var").mkdir()
    directory.rename(directory.with_name("moved"))
    root = directory.with_name("moved")
    (root / "var" / "log").symlink_to(root)
    assert main(["logs", "--service", "auth", "--service", "consumer"], Layout(root)) == 0
    out = capsys.readouterr().out.splitlines()
    assert out == [
        (root / "auth.log").read_text().splitlines()[0],
        (root / "consumer.log").read_text().strip(),
    ]
    assert main(["logs", "--text", "--level", "error"], Layout(root)) == 0
    assert "lost" in capsys.readouterr().out
    assert main(["logs", "--since", "2099-01-01"], Layout(root)) == 1
    assert capsys.readouterr() == ("", "heartguard: no line is like that\n")
    for wrong in (
        ("--since", "soon"),
        ("--status", "6xx"),
        ("--service", "postgres"),
        ("--request-id", "r", "--follow"),
    ):
        assert main(["logs", *wrong], Layout(root)) == 2

"""`heartguard-client`, as a person types it."""

import json
import os
import subprocess
import sys

import pytest

import sources
from tests.python_client.conftest import PASSWORD


@pytest.fixture
def command(tmp_path):
    def run(*words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        own = {"HEARTGUARD_CLIENT_HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(sources.SOURCES)}
        return subprocess.run(
            [sys.executable, "-m", "heartguard_client", *words],
            input=stdin,
            env={"PATH": os.environ["PATH"], **own, **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_log_in_write_query_export_log_out(command, person, tmp_path):
    said = command("login", person.url, person.email, "--password-file", "-", stdin=f"{PASSWORD}\n")
    assert said.stdout == f"Logged in at {person.url} as {person.email}.\n"
    assert command("write", "bpm=72", "--time", "2024-06-01T10:00:00Z").stdout == "1 stored, 0 rejected\n"
    lines = [
        {"measurement": "heart_rate", "tags": {"user_id": str(person.id)}, "fields": {"bpm": bpm}, "timestamp": time}
        for bpm, time in ((73, "2024-06-01T10:00:01Z"), ("fast", "2024-06-01T10:00:02Z"))
    ]
    piped = command("write", "--file", "-", stdin="\n".join(map(json.dumps, lines)))
    assert (piped.returncode, piped.stdout) == (1, "1 stored, 1 rejected\n")
    assert piped.stderr.startswith("rejected: ")
    period = ("--from", "2024-06-01T00:00:00Z", "--to", "2024-06-02T00:00:00Z")
    rows = command("query", *period, "--format", "ndjson").stdout.splitlines()
    assert [json.loads(row)["fields"] for row in rows] == [{"bpm": 72}, {"bpm": 73}]
    assert command("query", *period, "--mean", "1h").stdout.split() == ["2024-06-01T10:00:00Z", "bpm=72.5"]
    table = command("query", *period, "--format", "csv").stdout.splitlines()
    assert table[:2] == ["time,tags,field,value", f"2024-06-01T10:00:00Z,user_id={person.id},bpm,72.0"]
    assert command("export", "mine.zip").returncode == 0
    assert "exists" in command("export", "mine.zip").stderr
    saved = command("export", "points.csv", *period, "--measurement", "heart_rate")
    assert saved.returncode == 0, saved.stderr
    written = (tmp_path / "points.csv").read_text().splitlines()
    assert written[1:] == [
        f"2024-06-01T10:00:0{second}Z,heart_rate,{person.id},,bpm,{bpm}.0," for second, bpm in enumerate((72, 73))
    ]
    assert "must end with" in command("export", "points.xlsx", *period).stderr
    assert command("logout").stdout == "Logged out.\n"
    after = command("me")
    assert (after.returncode, after.stderr) == (
        3,
        "heartguard-client: There is no session: log in first: heartguard-client login URL E-MAIL\n",
    )


def test_help_and_mistakes_do_nothing(command):
    assert "query" in command("--help").stdout
    assert command("write").returncode == 2
    assert command("write", "bpm").returncode == 2
    assert "needs HEARTGUARD_URL" in command("me", HEARTGUARD_API_KEY="k").stderr

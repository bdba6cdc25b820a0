"""validate_endpoints.sh has a row for every endpoint in both formats, and notices a spoiled answer."""

import re
import subprocess
from collections.abc import Callable

import pytest

from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.identity import policy
from tests.running import RunningSystem
from tests.system.altering_proxy import (
    Reply,
    change_root,
    lose_a_field,
    pretend_success,
    put_json_under_xml,
    spoiling_proxy,
)

SCRIPT = "validate_endpoints.sh"
LINE = re.compile(
    r"(?P<method>[A-Z]+) +(?P<path>/\S*) +(?P<format>json|xml) +"
    r"(?P<expected>[0-9]{3}) \S+ +(?P<got>\S+) +\S+  (?P<result>.+)"
)


def mix(reply: Reply) -> bool:
    """A refusal becomes a success, another XML answer gets another root or, every second time, is JSON inside."""
    if reply.status >= 400:
        return pretend_success(reply)
    return change_root(reply) if len(reply.body) % 2 else put_json_under_xml(reply)


# Each run spoils what it can in every row at once; a row that was left alone must pass all the same.
SPOILERS = {"a field is gone": lose_a_field, "another root, another format, 200 for a refusal": mix}


def rows_of(output: str) -> list[re.Match[str]]:
    return [match for line in output.splitlines() if (match := LINE.fullmatch(line))]


def run(system: RunningSystem, spoil: Callable[[str, Reply], None], **environment: str):
    with spoiling_proxy(system.gateway_url, spoil) as url:
        return system.clone.script(SCRIPT, GATEWAY_HOST=url, **environment)


def test_every_row_of_the_policy_is_called_in_both_formats():
    listed = subprocess.run([REPO_ROOT / SCRIPT, "--list"], capture_output=True, text=True, check=True).stdout
    called = {tuple(line.split()[:3]) for line in listed.splitlines()}
    wanted = {(row.method, row.path, form) for row in policy.load().rows for form in ("json", "xml")}
    assert wanted - called == set()
    known = {(row.method, re.sub(r"\{.*?\}", "{}", row.path)) for row in policy.load().rows}
    answered = [line.split() for line in listed.splitlines() if int(line.split()[3]) < 400]
    called_well = {
        (method, re.sub(r"\{.*?\}", "{}", path.removeprefix("/api/v1")))
        for method, path, *_ in answered
        if method != "OPTIONS"
    }
    assert called_well - known == set()
    expected = {line.split()[3] for line in listed.splitlines()}
    assert expected >= {"200", "201", "202", "204", "400", "401", "403", "404", "405", "406", "412", "415", "422"}


def test_it_passes_and_leaves_nothing_and_a_rate_limit_fails_no_row(running_system):
    refused = []

    def refuse_once(number: str, reply: Reply) -> None:
        if reply.status == 201 and b"owner_id" in reply.body and not refused:
            refused.append(int(number))
            reply.status = 429
            reply.headers["Retry-After"] = "1"

    done = run(running_system, refuse_once)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "429 for POST /media/upload: waiting 1 s, as Retry-After says" in done.stdout
    rows = rows_of(done.stdout)
    assert {row["result"] for row in rows} == {"ok"}
    assert f"PASSED: {len(rows)} rows passed, 0 not run" in done.stdout
    deleted = [row["format"] for row in rows if row["path"] == "/organization" and row["expected"] == "202"]
    assert deleted == ["json", "xml"]


@pytest.mark.parametrize("name", SPOILERS)
def test_exactly_the_spoiled_rows_fail(running_system, name):
    spoiled = set()

    def spoil(number: str, reply: Reply) -> None:
        if number.isdigit() and (reply.document or reply.status >= 400) and SPOILERS[name](reply):
            spoiled.add(int(number))

    done = run(running_system, spoil)
    rows = rows_of(done.stdout)
    failed = {number for number, row in enumerate(rows) if row["result"].startswith("FAILED")}
    assert {number: rows[number].group() for number in failed ^ spoiled} == {}
    assert len(spoiled) > 20
    assert {row["result"] for number, row in enumerate(rows) if number not in failed} == {"ok"}
    assert f"FAILED: {len(failed)} of" in done.stdout
    assert done.returncode == 1


def test_an_unreachable_gateway_is_named(tmp_path):
    done = subprocess.run(
        [REPO_ROOT / SCRIPT],
        env={"PATH": "/usr/bin:/bin", "GATEWAY_HOST": "127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert re.fullmatch(r"validate_endpoints.sh: nothing answers at http://127.0.0.1:1: .*\n", done.stderr)
    assert done.stdout == ""

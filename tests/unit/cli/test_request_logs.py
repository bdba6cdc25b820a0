"""One request's log lines, wherever they stand."""

import json
from pathlib import Path

from heartguard_cli.request_logs import lines_of


def _line(second: int, service: str, request_id: str | None, **more: str) -> str:
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

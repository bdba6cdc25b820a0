"""`python -m heartguard_importers.process`: a file is read for another program, inside of limits."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from heartguard_importers import Reading
from tests.importers.builders import HEALTH_CONNECT, apple_export, apple_record, database, zipped
from tests.importers.recordings import edf

LIMITS = {
    "memory_bytes": 384 * 1024**2,
    "cpu_seconds": 60,
    "written_bytes": 10**8,
    "open_files": 64,
    "file_bytes": 10**9,
}
WHAT = {"kind": "auto", "time_zone": "UTC", "csv": None, "skip": 0, "batch": 3}


def said(folder: Path, file: bytes, name: str = "file", **order: Any) -> list[dict[str, Any]]:
    """The lines about a file but those that only show that it is busy."""
    (folder / "file").write_bytes(file)
    limits = LIMITS | order.pop("limits", {})
    text = json.dumps({"path": "file", "name": name, **WHAT, **order, "limits": limits})
    done = subprocess.run(
        [sys.executable, "-P", "-m", "heartguard_importers.process"],
        input=text + "\n",
        cwd=folder,
        env={"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line for line in lines if "state" not in line] or [{"code": done.returncode}]


EXPORT = apple_export(*(apple_record("HeartRate", str(60 + n), start=f"2023-05-01 07:00:0{n} +0200") for n in range(8)))


def test_batches_that_go_on_where_another_process_was(tmp_path: Path) -> None:
    lines = said(tmp_path, EXPORT, "export.xml")
    batches = [line["records"] for line in lines if "records" in line]
    assert [len(batch) for batch in batches] == [3, 3, 2]
    records = [record for batch in batches for record in batch]
    assert records == [list(record) for record in Reading(tmp_path / "file")]
    assert (lines[-1]["end"], lines[-1]["report"]["seen"], lines[-1]["report"]["kind"]) == (True, 8, "apple_health")
    rest = said(tmp_path, EXPORT, "export.xml", skip=5)
    assert [record for line in rest for record in line.get("records", ())] == records[5:]


def test_what_is_before_the_damage_is_said_first(tmp_path: Path) -> None:
    *batches, error = said(tmp_path, EXPORT[: EXPORT.rindex(b"/>")], "export.xml")
    assert sum(len(line["records"]) for line in batches) == 7
    assert error["error"]["place"].startswith("export.xml, line ")
    assert error["error"]["costly"] is False


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory otherwise")
def test_more_than_its_limits_is_said_with_the_place(tmp_path: Path) -> None:
    bomb = zipped({"export.xml": EXPORT + b" " * 300_000_000})
    (error,) = said(tmp_path, bomb, "export.zip")[-1:]
    assert (error["error"]["costly"], error["error"]["place"]) == (True, "export.xml in export.zip")
    data = zipped({"export.db": database(tmp_path / "made.db", HEALTH_CONNECT).read_bytes()})
    (error,) = said(tmp_path, data, "export.zip", limits={"written_bytes": 4096})
    assert error["error"]["problem"] == "unpacks to more than 4096 bytes"
    assert said(tmp_path, EXPORT, limits={"memory_bytes": 10**7})[-1].get("end") is None


def test_recordings_that_are_no_uploads(tmp_path: Path) -> None:
    (error,) = said(tmp_path, edf([("HR", "bpm", 0, 200, 2, [60, 61])]), "night.edf")
    assert error["error"]["problem"] == "is of the kind edf, which is not for uploads"

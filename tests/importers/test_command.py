"""`python -m heartguard_importers`."""

import json
import os
import subprocess
import sys

from heartguard_common.core.paths import REPO_ROOT
from heartguard_importers.__main__ import main
from tests.importers.builders import TCX

ACTIVITY = str(REPO_ROOT / "examples" / "activity.fit")


def test_what_a_file_holds(capsys):
    assert main([ACTIVITY]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "kind: fit"
    assert "      1072 heart_rate, 2022-02-07T16:47:52Z to 2022-02-07T17:05:44Z" in lines
    assert "        15 left out: lap" in lines


def test_its_records_as_json(capsys):
    assert main([ACTIVITY, "--records"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(records) == 1072 + 1067 + 2705
    assert records[0] == {
        "measurement": "heart_rate",
        "fields": {"bpm": 128.0},
        "time": 1_644_252_472_000_000_000,
        "tags": {"source": "FIT", "device": "garmin edge_530"},
    }


def test_what_is_damaged_is_said_and_what_was_before_it_is_counted(tmp_path, capsys):
    path = tmp_path / "run.tcx"
    path.write_text(TCX.replace("<Time>today", "<Time><oops>"))
    assert main([str(path)]) == 1
    shown = capsys.readouterr()
    assert "         2 heart_rate, 2023-05-01T05:00:00Z to 2023-05-01T05:00:01Z" in shown.out
    assert "         1 rejected: no_value (first: run.tcx, line " in shown.out
    assert shown.err == "run.tcx, line 11: mismatched tag\n"


def test_a_reader_that_has_seen_enough():
    command = f"{sys.executable} -m heartguard_importers {ACTIVITY} --records | head -1"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment, check=True)
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")

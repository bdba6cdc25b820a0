"""`heartguard-client import`: files that the server reads, and files that are read here."""

import json

from heartguard_cli.layout import REPO_ROOT
from tests.importers.recordings import edf
from tests.python_client.conftest import PASSWORD
from tests.python_client.test_command import command  # noqa: F401  a fixture

CSV = "Zeit;Puls\n2024-06-01 10:00:00;61\n2024-06-01 10:00:01;\n"


def test_files_are_imported_and_what_became_of_them_is_said(command, person, tmp_path):  # noqa: F811
    command("login", person.url, person.email, "--password-file", "-", stdin=f"{PASSWORD}\n")
    (tmp_path / "polar.csv").write_text(CSV)
    (tmp_path / "columns.json").write_text(
        json.dumps({"time": "Zeit", "value_columns": [{"column": "Puls", "measurement": "heart_rate"}]})
    )
    done = command("import", str(REPO_ROOT / "examples/activity.fit"))
    assert (done.stdout, done.stderr) == ("activity.fit: fit: 4844 stored, 0 there before, 0 rejected\n", "")
    done = command("import", "polar.csv", "--csv", "columns.json", "--time-zone", "Europe/Madrid")
    assert done.stdout == "polar.csv: csv: 1 stored, 0 there before, 1 rejected\n"
    assert done.stderr == "  1 rejected: no_value (first: polar.csv, line 3)\n"
    (tmp_path / "fish").write_bytes(b"neither")
    wrong = command("import", "fish")
    assert (wrong.returncode, wrong.stderr) == (1, "  fish: is of no known kind (invalid_file)\n")


def test_a_recording_is_read_here(command, person, tmp_path):  # noqa: F811
    command("login", person.url, person.email, "--password-file", "-", stdin=f"{PASSWORD}\n")
    # At most one value of a signal a second.
    (tmp_path / "night.edf").write_bytes(edf([("HR", "bpm", 0, 200, 2, [60, 61, 62, 63])]))
    done = command("import", "--here", "--time-zone", "Europe/Madrid", "night.edf")
    assert (done.returncode, done.stdout) == (0, "night.edf: 2 stored, 0 rejected\n"), done.stderr
    there = command("import", "night.edf")
    assert (there.returncode, "which is not for uploads" in there.stderr) == (1, True)

"""A large Apple export in little memory: 40,000 records, or HEARTGUARD_TEST_IMPORT_RECORDS (2,000,000 are 930 MB)."""

import os
import subprocess
import sys
import zipfile
from datetime import datetime, timedelta

import pytest

from tests.importers.builders import APPLE_HEAD, apple_record

RECORDS = int(os.environ.get("HEARTGUARD_TEST_IMPORT_RECORDS", "40000"))
READ = """
import resource, sys, time
from pathlib import Path
from heartguard_importers import Reading
began = time.process_time()
reading = Reading(Path(sys.argv[1]))
count = sum(1 for _ in reading)
if sys.platform == "linux":  # where ru_maxrss has that of the parent before exec in it
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(count, peak, round(count / (time.process_time() - began)))
"""


@pytest.mark.parametrize("packed", [False, True], ids=["xml", "zip"])
def test_memory_does_not_depend_on_the_size(tmp_path, packed):
    path = tmp_path / "export.xml"
    start = datetime(2015, 1, 1)  # noqa: DTZ001  written with an offset
    with path.open("w", encoding="utf-8") as file:
        file.write(APPLE_HEAD)
        for number in range(RECORDS):
            time = f"{start + timedelta(seconds=97 * number):%Y-%m-%d %H:%M:%S} +0100"
            file.write(apple_record("HeartRate", str(50 + number % 120), start=time, motion="1", address=number))
        file.write("</HealthData>\n")
    if packed:
        with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, "apple_health_export/export.xml")
        path = tmp_path / "export.zip"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", READ, path], capture_output=True, text=True, env=environment, check=True
    )
    count, peak, rate = map(int, done.stdout.split())
    print(f"{count} records, {peak / 1024**2:.0f} MiB, {rate} records for each second of CPU time")
    assert count == RECORDS
    assert peak < 64 * 1024**2

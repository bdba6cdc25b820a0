"""A large Apple export through the job, in little memory: 10,000 records, or HEARTGUARD_TEST_IMPORT_RECORDS.

2,000,000 records are 930 MB of XML, and take some minutes; `-s` prints the figures.
"""

import os
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from tests.import_stack import ENDED, running
from tests.importers.builders import APPLE_HEAD, apple_record
from tests.servers import Database

RECORDS = int(os.environ.get("HEARTGUARD_TEST_IMPORT_RECORDS", "10000"))
MIB = 1024**2


def export(path: Path) -> None:
    """An export with a heart rate every 97 seconds."""
    start = datetime(2015, 1, 1, tzinfo=UTC)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("apple_health_export/export.xml", "w", force_zip64=True) as file,
    ):
        file.write(APPLE_HEAD.encode())
        for number in range(RECORDS):
            moment = f"{start + timedelta(seconds=97 * number):%Y-%m-%d %H:%M:%S} +0000"
            record = apple_record("HeartRate", str(50 + number % 120), start=moment, motion="1", address=number)
            file.write(record.encode())
        file.write(b"</HealthData>\n")


def test_a_large_export_in_little_memory(database: Database, redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    export(path)
    with running(database, redis_url, tmp_path) as stack:
        assert stack.influx.process is not None
        service = psutil.Process(stack.influx.process.pid)
        before = memory(service)
        made = stack.begin(path.read_bytes(), "export.zip")
        began, most, first = time.monotonic(), 0, 0.0
        while (state := stack.state(made))["status"] not in ENDED:
            most = max(most, memory(service))
            if not first and state["seen"]:
                began, first = time.monotonic(), float(state["seen"])
            time.sleep(0.2)
        rate = (RECORDS - first) / max(0.001, time.monotonic() - began)
        size = path.stat().st_size / MIB
        print(f"{RECORDS} records, {size:.0f} MiB packed, {rate:.0f} records/s")
        print(f"service and parser have {most / MIB:.0f} MiB at most, {before / MIB:.0f} MiB before")
        assert (state["status"], state["stored"], state["rejected"]) == ("done", RECORDS, 0)
        assert most < 300 * MIB


def memory(service: psutil.Process) -> int:
    """What the service, its workers and its parsers hold, shared pages counted once."""
    held = 0
    for process in (service, *service.children(recursive=True)):
        try:
            held += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return held

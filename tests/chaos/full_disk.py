"""A disk that is full to its last byte, under load: python -m tests.chaos.full_disk DIRECTORY.

The directory must be a small file system of its own, for it is filled. Prints the fault's row.
"""

import errno
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from heartguard_common.contract.contracts import Contracts
from heartguard_common.core.registry import SERVICES
from tests.chaos.checker import Checker, outcome, table, writes
from tests.chaos.load import Load, Probe
from tests.clone import Clone
from tests.servers import until
from tests.system.writer import FOUNDER, Member, founder, heart_rate

FULL_SECONDS = 4.0
RECOVERY_SECONDS = 60.0  # other tests run beside this one
UPLOAD = "/media/upload"
ERROR = Contracts.load()["Error"]
SIZES = (1_000_000, 4096, 1)


@contextmanager
def filled(disk: Path, seconds: float) -> Iterator[None]:
    """The disk without a free byte, and kept so, for that long; then the room is there again."""
    ends = time.monotonic() + seconds
    with tempfile.NamedTemporaryFile(dir=disk, buffering=0) as ballast:
        while time.monotonic() < ends:
            for size in SIZES:
                _fill(ballast.fileno(), size)
            time.sleep(0.05)
        yield


def _fill(descriptor: int, size: int) -> None:
    try:
        while os.write(descriptor, b"x" * size) == size:
            pass
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def refusals(member: Member) -> dict[str, int]:
    """The status of each of three writes that is refused now; its body must be an error of the contract."""
    points = {"bucket": member.bucket, "points": [heart_rate("2026-03-01T00:00:00Z")]}
    answers = {
        UPLOAD: requests.put(
            f"{member.url}{UPLOAD}?file_name=big.bin",
            os.urandom(1_000_000),
            headers={**member.headers, "Content-Type": "application/octet-stream"},
            timeout=10,
        ),
        "/timeseries/write": requests.post(
            f"{member.url}/timeseries/write", json=points, headers=member.headers, timeout=10
        ),
        "/auth/login": requests.post(f"{member.url}/auth/login", json=FOUNDER, timeout=10),
    }
    refused = {path: answer for path, answer in answers.items() if not answer.ok}
    for answer in refused.values():
        ERROR.decode(answer.content, "application/json")
    return {path: answer.status_code for path, answer in refused.items()}


def main(disk: Path) -> None:
    """Start a copy of the product on the disk, fill that, and look for all that was acknowledged."""
    copy = Clone.make(disk / "copy")
    try:
        started = copy.start()
        assert started.returncode == 0, started.stdout + started.stderr
        member = founder(copy)
        with Load(member) as load:
            until(lambda: writes(load), "the first writes")
            before = load.counts()
            with Probe(member, f"{member.url}/gateway/health") as probe:
                with filled(disk, FULL_SECONDS):
                    assert shutil.disk_usage(disk).free == 0
                    healthy = {name: copy.call(name, "GET", f"{SERVICES[name].prefix}/health")[0] for name in SERVICES}
                    refused = refusals(member)
                ended = time.monotonic()
                until(lambda: copy.all_ready() and writes(load), "recovery from a full disk", RECOVERY_SECONDS)
                recovery = time.monotonic() - ended
            found = outcome("full disk", load, Checker(copy, load), before, probe, recovery)
        assert set(healthy.values()) == {200}, healthy
        assert UPLOAD in refused, "a megabyte found room on a full disk"
        assert set(refused.values()) == {503}, refused
        assert found.doubled == 0
        print(table([found]))
    finally:
        copy.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A full disk, in a mount namespace of its own: a tmpfs is a disk that a test may fill (Linux; no root needed)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heartguard_common.core.paths import REPO_ROOT

SIZE = "600m"
# An ordinary user may mount in a user namespace of their own.
NAMESPACE = (
    ("unshare", "--mount")
    if os.geteuid() == 0
    else ("unshare", "--user", "--map-current-user", "--keep-caps", "--mount")
)
MOUNTED = f'mount -t tmpfs -o size={SIZE},mode=755 none "$0" && exec "$@"'
pytestmark = pytest.mark.timeout(240)


def inside(disk: Path, *command: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a command to which `disk` is a small file system, gone when the command has ended."""
    return subprocess.run(
        [*NAMESPACE, "sh", "-c", MOUNTED, str(disk), *command],
        capture_output=True, text=True, check=False, timeout=seconds, cwd=REPO_ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip


def test_a_full_disk_loses_nothing_and_is_survived(tmp_path: Path) -> None:
    try:
        tried = inside(tmp_path, "true", seconds=10)
    except FileNotFoundError:
        pytest.skip("no `unshare` on this system: no disk of its own to fill")
    if tried.returncode:
        pytest.skip(f"no disk of its own to fill: {tried.stderr.strip()}")
    ended = inside(tmp_path, sys.executable, "-m", "tests.chaos.full_disk", str(tmp_path), seconds=220)
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout + ended.stderr

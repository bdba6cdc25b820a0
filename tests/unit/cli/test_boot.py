"""The unit of systemd and the job of launchd, as their own programs read them."""

import os
import plistlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from heartguard_cli import boot
from heartguard_cli.layout import Layout

ANALYZE = shutil.which("systemd-analyze")
SCRIPTS = ("start_services.sh", "stop_services.sh", "heartguard")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A clone whose path has what a unit has to escape, and another owner than root."""
    root = tmp_path / "a clone 100%n"
    root.mkdir()
    for name in SCRIPTS:
        (root / name).write_text("#!/bin/sh\n")
        (root / name).chmod(0o755)
    if os.geteuid() == 0:
        os.chown(root, 1, 1)
    return Layout(root)


def written(directory: Path, text: str) -> Path:
    file = directory / "heartguard.service"
    file.write_text(text)
    return file


@needs_systemd
@pytest.mark.parametrize("system", [True, False])
def test_systemd_accepts_the_unit(layout: Layout, tmp_path: Path, system: bool) -> None:
    unit = written(tmp_path, boot.unit_text(layout, {"BACKUP_DIR": "/mnt/b c"}, "heartguard", 443, system=system))
    done = subprocess.run([str(ANALYZE), "verify", unit], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "heartguard.service" not in done.stderr


@needs_systemd
def test_the_unit_of_the_machine_is_hardened(layout: Layout, tmp_path: Path) -> None:
    unit = written(tmp_path, boot.unit_text(layout, {}, "heartguard", 5000, system=True))
    command = [str(ANALYZE), "security", "--offline=yes", "--threshold=25", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze judges only units that are loaded")
    assert done.returncode == 0, done.stdout


def lines(text: str) -> list[str]:
    return text.splitlines()


def test_the_unit_names_what_heartguard_writes_to(layout: Layout) -> None:
    values = {"MEDIA_DIR": "/srv/media", "BACKUP_DIR": "gs://bucket/backups", "CHECKPOINT_DIR": "var/checkpoints"}
    unit = lines(boot.unit_text(layout, values, "heartguard", 5000, system=True))
    (paths,) = [line for line in unit if line.startswith("ReadWritePaths=")]
    assert paths.endswith(" -/srv/media")
    assert "CapabilityBoundingSet=" in unit
    low = lines(boot.unit_text(layout, values, "heartguard", 443, system=True))
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in low


def test_root_keeps_what_its_postgresql_needs(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes a clone of root's")
    unit = boot.unit_text(Layout(tmp_path), {}, "heartguard", 5000, system=True)
    assert "User=root\n" in unit
    assert "RestrictNamespaces" not in unit
    assert "CapabilityBoundingSet" not in unit


def test_launchd_reads_the_job(layout: Layout) -> None:
    job = plistlib.loads(boot.plist_text(layout, "io.heartguard.heartguard", "somebody").encode())
    assert job["ProgramArguments"] == [str(layout.root / "start_services.sh")]
    assert (job["RunAtLoad"], job["AbandonProcessGroup"], job["UserName"]) == (True, True, "somebody")


def test_a_service_is_installed_and_removed(layout: Layout, tmp_path: Path) -> None:
    file = tmp_path / "etc" / "heartguard.service"
    service = replace(boot.describe(layout, {}, "heartguard", 5000), file=file, manager_runs=False)
    assert not service.uninstall()
    assert not service.install()
    assert (file.read_text(), file.stat().st_mode & 0o777) == (service.text, 0o644)
    assert service.uninstall()
    assert not file.exists()

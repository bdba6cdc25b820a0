"""The programs of a started system share the memory of what they import, and `ps` names them."""

import sys
from pathlib import Path

import psutil
import pytest

from heartguard_cli.programs import GEVENT
from heartguard_common.core.registry import SERVICES
from tests.running import RunningSystem


def shared_megabytes(pid: int) -> float:
    """Memory that was written before a fork, and by neither process since."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Shared_Dirty:")) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="programs are forked on Linux only")
def test_forked_programs_share_libraries_and_have_names(running_system: RunningSystem) -> None:
    supervisor = psutil.Process(running_system.clone.supervisor_pid())
    titles = {it: " ".join(it.cmdline()).strip() for it in supervisor.children(recursive=True)}
    for name, service in SERVICES.items():
        assert list(titles.values()).count(f"gunicorn: worker [{name}]") == service.workers
    assert {"heartguard: consumer", "heartguard: backup"} <= set(titles.values())
    for process, title in titles.items():
        if title.startswith(("gunicorn: ", "heartguard: ")) and not any(f"[{name}]" in title for name in GEVENT):
            assert shared_megabytes(process.pid) > 20, f"{title} shares little"

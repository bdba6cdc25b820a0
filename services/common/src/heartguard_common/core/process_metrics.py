"""What the processes of a service use of the machine: open files, memory, processor time, and room on the disk."""

import os
import re
import resource
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from heartguard_common.core.lifecycle import Lifecycle
from heartguard_common.core.metrics import LiveGauge, Metrics, Values

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
OPEN_FILES = LiveGauge("heartguard_open_files", "Open files of the process that has most, sockets included")
OPEN_FILES_LIMIT = LiveGauge("heartguard_open_files_limit", "How many files a process may open")
MEMORY = LiveGauge("heartguard_memory_bytes", "Memory of all processes, shared pages in proportion (PSS)")
CPU = LiveGauge("heartguard_cpu_seconds", "Processor seconds that the living processes have used")
PROCESSES = LiveGauge("heartguard_processes", "Processes that run, the one that starts the others included")
DEPENDENCY = LiveGauge("heartguard_dependency_ready", "1 where a dependency answers, otherwise 0", ("dependency",))
DISK_FREE = LiveGauge("heartguard_disk_free_bytes", "Room in the file system of a directory", ("directory",))
DISK_SIZE = LiveGauge("heartguard_disk_size_bytes", "Size of the file system of a directory", ("directory",))


def show_process(metrics: Metrics, directories: Mapping[str, Path]) -> None:
    """Add these gauges: of all workers of the service, and of the `directories` that it writes to, by a short name."""
    metrics.live_group((DISK_FREE, DISK_SIZE), lambda: _disks(directories))
    if _PROC.joinpath("self", "smaps_rollup").exists():
        metrics.live_group((OPEN_FILES, OPEN_FILES_LIMIT, MEMORY, CPU, PROCESSES), _processes)


def show_readiness(metrics: Metrics, lifecycle: Lifecycle) -> None:
    """Add the gauge of what this service depends on: 1 where it answers within a second, otherwise 0."""
    metrics.live_by(DEPENDENCY, lambda: {health.name: float(health.ok) for health in lifecycle.readiness()})


def _disks(directories: Mapping[str, Path]) -> Values:
    free: dict[tuple[str, ...], float] = {}
    size: dict[tuple[str, ...], float] = {}
    for name, path in directories.items():
        # a directory that is made when it is first needed will be in the file system of the nearest one above it
        found = os.statvfs(next(it for it in (path, *path.absolute().parents) if it.exists()))
        free[(name,)] = found.f_bavail * found.f_frsize
        size[(name,)] = found.f_blocks * found.f_frsize
    return {DISK_FREE.name: free, DISK_SIZE.name: size}


def _processes() -> Values:
    pids = list(_workers())
    return {
        OPEN_FILES.name: {(): max(_of(pids, _open_files))},
        OPEN_FILES_LIMIT.name: {(): resource.getrlimit(resource.RLIMIT_NOFILE)[0]},
        MEMORY.name: {(): sum(_of(pids, _resident))},
        CPU.name: {(): sum(_of(pids, _processor_seconds))},
        PROCESSES.name: {(): len(pids)},
    }


def _workers() -> Iterator[int]:
    """The process itself, gunicorn's master, and the other workers of it; only itself without gunicorn."""
    own, master = os.getpid(), os.getppid()
    children = _PROC / str(master) / "task" / str(master) / "children"
    if not os.environ.get("SERVER_SOFTWARE", "").startswith("gunicorn") or not children.exists():
        yield own
        return
    yield master
    yield from (int(pid) for pid in children.read_text().split())


def _of(pids: list[int], read: Callable[[Path], float]) -> Iterator[float]:
    for pid in pids:
        try:
            yield read(_PROC / str(pid))
        except OSError:  # it has ended
            continue


def _open_files(process: Path) -> float:
    return sum(1 for _ in (process / "fd").iterdir())


def _resident(process: Path) -> float:
    for line in (process / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _processor_seconds(process: Path) -> float:
    # the name of the program, which may have spaces, ends with the last parenthesis
    fields = re.split(r"\) ", (process / "stat").read_text(), maxsplit=1)[-1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS

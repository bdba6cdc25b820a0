"""supervisord that forks Python programs from itself, so that they share the memory of what they all import.

`python -m heartguard_cli.forking_supervisor` takes the arguments of supervisord. Where the spec of a program has a
`module`, the process that supervisord forks for it runs that module, in place of becoming another program by exec(3):
what this process has imported is there already, and is in memory once until one of them writes to it. The forked
process itself reads the spec, which has the secrets, and imports the packages of its own service.

A program becomes another by exec after all where the system is not Linux, and where packages or shared sources are not
those that were imported, as after an upgrade.
"""

import atexit
import gc
import importlib
import io
import os
import runpy
import signal
import sys
import sysconfig
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TextIO

from setproctitle import getproctitle, setproctitle
from supervisor import supervisord
from supervisor.options import ServerOptions

from heartguard_cli import launch
from heartguard_common.contract.contracts import Contracts
from heartguard_common.core.parent_process import end_with_parent
from heartguard_common.core.paths import POLICY_FILE, SCHEMAS_DIR, SERVICES_FILE
from heartguard_common.core.registry import COMMON, source
from heartguard_common.identity import policy

SHARED = (
    *("gunicorn.app.wsgiapp", "gunicorn.workers.gthread", "psycopg2.extras"),
    *("heartguard_common.http.web", "heartguard_common.runtime.bootstrap", "heartguard_common.runtime.server_log"),
    *("heartguard_common.runtime.worker", "heartguard_common.jobs.job_store", "heartguard_common.streams.announcing"),
)
"""What services import. When imported, none of it may start a thread or read a setting from the environment."""
METRICS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
_OUT, _ERR = sys.stdout, sys.stderr
_PACKAGES = Path(sysconfig.get_path("platlib"))
_SOURCES = (source(COMMON), source("cli"))
_OWN_PATH = {"", str(Path.cwd()), *os.environ.get("PYTHONPATH", "").split(os.pathsep)}
_PATH = tuple(it for it in sys.path if it not in _OWN_PATH)

Versions = frozenset[tuple[Path, int, int]]


def versions() -> Versions:
    """Path, time of change (nanoseconds since 1970) and size of all that was read for what is shared.

    Of packages it is their directory, which changes when one is installed or removed.
    """
    # Python makes and renames files in __pycache__ at any time.
    files = (it for root in _SOURCES for it in root.rglob("*") if it.parent.name != "__pycache__" and it.is_file())
    schemas = (it for it in SCHEMAS_DIR.iterdir() if it.suffix in (".json", ".xsd"))
    found = ((it, it.stat()) for it in (_PACKAGES, SERVICES_FILE, POLICY_FILE, *schemas, *files))
    return frozenset((path, state.st_mtime_ns, state.st_size) for path, state in found)


def import_shared() -> Versions:
    """Import what is shared, and keep the garbage collector from writing to it; returns the versions of what it was."""
    before = versions()
    getproctitle()  # finds the memory of the title, which it can't once variables of the environment have changed
    # redis-py would import this, see gunicorn_hooks.py; a program that sends traces imports it itself.
    sys.modules.setdefault("opentelemetry.sdk.metrics", None)  # type: ignore[arg-type]
    # prometheus_client decides once, when imported, whether processes share metrics by files. Each has its directory.
    os.environ[METRICS_DIRECTORY] = os.devnull
    for name in SHARED:
        importlib.import_module(name)
    del os.environ[METRICS_DIRECTORY]
    del sys.modules["opentelemetry.sdk.metrics"]
    Contracts.load()
    with suppress(policy.PolicyError):  # each service says what is wrong with it, and does not start
        policy.keep()
    gc.collect()
    gc.freeze()
    return before


class ForkingOptions(ServerOptions):  # type: ignore[misc]
    """supervisord's options; `execve` is what a process that it has forked does to become its program."""

    imported: Versions | None = None

    def execve(self, filename: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Become the program of the spec that the last word of `argv` names."""
        spec = launch.read(Path(argv[-1]))
        if spec["module"] and self._is_current():
            _run(spec)
        super().execve(filename, argv, env)

    def _is_current(self) -> bool:
        try:
            return self.imported == versions()
        except OSError:  # a file was removed while they were looked at: an upgrade is under way
            return False


def _run(spec: launch.Spec) -> NoReturn:
    """Run the module of a spec as `python -m` does, and end the process as Python does."""
    status = 1
    try:
        _leave_the_supervisor()
        environment = launch.prepare(spec)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:] = [spec["directory"], *environment["PYTHONPATH"].split(os.pathsep), *_PATH]
        sys.argv[:] = ["", *spec["module"][1:]]
        setproctitle(f"heartguard: {spec['program']}")
        runpy.run_module(spec["module"][0], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:  # of the program, and of each process that it forks in turn
        status = _status(ended)
    except BaseException:  # noqa: BLE001  nothing may return into the code of supervisord
        traceback.print_exc()
    finally:
        _end(status)


def _leave_the_supervisor() -> None:
    """Undo what exec would have undone: handlers of signals and of the exit, and streams."""
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as Python does at its start; who started it may ignore it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    atexit._clear()  # noqa: SLF001  as multiprocessing does
    sys.stdout, sys.stderr = _stream(1, _OUT), _stream(2, _ERR)
    supervisor = os.getppid()
    end_with_parent()
    if os.getppid() != supervisor or supervisor == 1:
        sys.exit("the supervisor has ended")


def _stream(descriptor: int, like: TextIO) -> io.TextIOWrapper:
    """A stream as Python opens it where PYTHONUNBUFFERED is set; supervisord has replaced its own."""
    raw = open(descriptor, "wb", buffering=0, closefd=False)  # noqa: SIM115  it lives as long as the process
    return io.TextIOWrapper(raw, like.encoding, like.errors, write_through=True)


def _status(ended: SystemExit) -> int:
    if ended.code is None or isinstance(ended.code, int):
        return (ended.code or 0) & 0xFF
    print(ended.code, file=sys.stderr)
    return 1


def _end(status: int) -> NoReturn:
    """Do what Python does at the end of a process, without returning to the code of supervisord."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001  as multiprocessing does
        atexit._run_exitfuncs()  # noqa: SLF001
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


if __name__ == "__main__":
    if sys.platform == "linux":
        ForkingOptions.imported = import_shared()
    supervisord.ServerOptions = ForkingOptions
    supervisord.main()

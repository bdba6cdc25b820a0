"""Gunicorn configuration of all services: `gunicorn --config python:heartguard_common.runtime.gunicorn_hooks`."""

import ctypes
import gc
import os
import signal
import sys
from pathlib import Path
from typing import Any

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.core.parent_process import end_with_parent
from heartguard_common.identity import policy
from heartguard_common.runtime import takeover

worker_class = "heartguard_common.runtime.worker.ServiceWorker"
control_socket_disable = True
proc_name = os.environ.get("HEARTGUARD_PROGRAM", "heartguard")  # for `ps`, where setproctitle is installed
logger_class = "heartguard_common.runtime.server_log.ServerLog"
# New objects between two runs of the garbage collector (Python's own number is 700): a batch of 1,000 points is some
# 10,000 that live until its answer, reference counts free them, and each run in between found nothing. Measured in
# turns in one process: 25.5 to 22.8 CPU ms a JSON batch; 100,000 was no better (D155).
COLLECT_AFTER = 20_000
# What prometheus_client maps for each worker: room for all routes of the policy in two dozen statuses.
METRICS_SIZES = {"counter": 2_097_152, "gauge_livesum": 65_536, "histogram": 1_048_576}
if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
    # redis-py would import OpenTelemetry's metrics where they are installed: 3 MB of each process that sends none. None
    # makes the import fail.
    sys.modules.setdefault("opentelemetry.sdk.metrics", None)  # type: ignore[arg-type]
graceful_timeout = 10
forwarded_allow_ips = ""  # the gateway signs what it forwards; gunicorn would let a loopback peer set SCRIPT_NAME
# A service accepts all that the gateway lets pass, with the header fields that it adds.
limit_request_line = 8190
limit_request_fields = 200
keepalive = 75


def on_starting(server: object) -> None:
    """Read policy.toml once, for all workers. Ends the start when it is not valid, with its problems."""
    takeover.prepare(server)
    try:
        policy.keep()
    except policy.PolicyError as error:
        sys.exit(f"services/gateway/policy.toml: {error}")


def on_reload(server: Any) -> None:
    """At SIGHUP, before new workers are made: a policy with problems is logged, and the one before stays in force.

    A worker that fails to boot would end its master, and with it the service.
    """
    try:
        policy.keep()
        server.log.info("policy.toml was read again and is in force")
    except Exception as error:  # noqa: BLE001  of any kind, it would end the master too
        text = "policy.toml stays as it was, because the new one has problems: %s"
        server.log.error(text, error)  # noqa: TRY400  an error of the file, not of the code: no stack


def post_worker_init(worker: object) -> None:
    """Exclude objects that live as long as the worker from garbage collection, and collect less often.

    A worker that takes over sockets then waits until it is ready.
    """
    gc.collect()
    gc.freeze()
    release_unused_memory()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    takeover.await_readiness(worker)


def release_unused_memory() -> None:
    """Give the system back what reading schemas and compiling them has left free between blocks in use (glibc)."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)


def worker_exit(_server: object, worker: object) -> None:
    """Close what the application of this worker has opened, background threads first."""
    extensions = getattr(getattr(worker, "wsgi", None), "extensions", {})
    if LIFECYCLE in extensions:
        extensions[LIFECYCLE].close()


def post_fork(server: Any, worker: Any) -> None:
    """Reserve disk space for the worker's metrics; let it handle SIGTERM, and on Linux the end of its master.

    Metrics are files that are mapped into memory: one with holes ends its process (SIGBUS) once the disk is full. Until
    it has signal handlers of its own, a new worker would take a SIGTERM for its master's and forget it; the
    master then waits its whole grace time. A worker whose master was killed would keep the port for up to a second,
    answer `/ready` as if nothing had happened, and then go in the middle of a request.
    """
    signal.signal(signal.SIGTERM, worker.handle_exit)
    try:
        _reserve_metrics(worker.pid)
    except OSError as error:
        server.log.warning("no room for metrics: %s", error)
    end_with_parent()


def _reserve_metrics(pid: int) -> None:
    """Make the files that prometheus_client would make with holes, under its names. Raises OSError."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    for kind, size in METRICS_SIZES.items() if directory else ():
        with Path(str(directory), f"{kind}_{pid}.db").open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.write(bytes(size))


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that has ended."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import multiprocess  # noqa: PLC0415  the master needs it only here

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]

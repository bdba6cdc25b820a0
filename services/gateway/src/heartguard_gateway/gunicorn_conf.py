"""How gunicorn runs the gateway: `gunicorn --config python:heartguard_gateway.gunicorn_conf app:app`."""

import gc
import resource
from importlib import import_module

from gevent import monkey

from heartguard_common.runtime import gunicorn_hooks, takeover
from heartguard_common.runtime.gunicorn_hooks import (
    child_exit,
    control_socket_disable,
    forwarded_allow_ips,
    graceful_timeout,
    logger_class,
    on_reload,
    post_fork,
    proc_name,
    worker_exit,
)

__all__ = [
    "child_exit",
    "control_socket_disable",
    "forwarded_allow_ips",
    "graceful_timeout",
    "logger_class",
    "on_reload",
    "post_fork",
    "proc_name",
    "worker_exit",
]

worker_class = "heartguard_gateway.server.worker.GatewayWorker"
worker_connections = 8000
backlog = 4096
keepalive = 75
timeout = 30
http_parser = "python"  # the C parser of gunicorn[fast] takes folded headers and bare line feeds
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190

OPEN_FILES = 65_536


def on_starting(server: object) -> None:
    """As all services; and raise the limit of open files: a client's connection and a service's per request."""
    gunicorn_hooks.on_starting(server)
    raise_open_files()


def raise_open_files() -> None:
    """Raise the limit of open files, as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def when_ready(_server: object) -> None:
    """Import once, for all workers, what they would each import: after the fork they share these pages.

    Libraries must find gevent's sockets and locks when they are imported. The master itself keeps the time and the
    select of the system, because nothing runs gevent's loop there; workers get gevent's in `patch`.
    """
    monkey.patch_all(os=False, signal=False, subprocess=False, select=False, time=False)
    import_module("heartguard_gateway.wiring")
    gc.collect()
    gc.freeze()  # the collector would write into every page that is shared


def post_worker_init(worker: object) -> None:
    """A worker that takes over sockets accepts when it is ready."""
    takeover.await_readiness(worker)

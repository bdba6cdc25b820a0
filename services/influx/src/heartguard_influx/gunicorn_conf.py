"""How gunicorn runs the service: `gunicorn --config python:heartguard_influx.gunicorn_conf app:app`."""

import gc
from importlib import import_module

from heartguard_common.runtime.gunicorn_hooks import (
    child_exit,
    control_socket_disable,
    forwarded_allow_ips,
    graceful_timeout,
    keepalive,
    limit_request_fields,
    limit_request_line,
    logger_class,
    on_reload,
    on_starting,
    post_fork,
    post_worker_init,
    proc_name,
    worker_class,
    worker_exit,
)

__all__ = [
    "child_exit",
    "control_socket_disable",
    "forwarded_allow_ips",
    "graceful_timeout",
    "keepalive",
    "limit_request_fields",
    "limit_request_line",
    "logger_class",
    "on_reload",
    "on_starting",
    "post_fork",
    "post_worker_init",
    "proc_name",
    "worker_class",
    "worker_exit",
]


def when_ready(_server: object) -> None:
    """Import the service once before the workers are forked, so that they share these pages of memory."""
    import_module("heartguard_influx.wiring")
    gc.collect()
    gc.freeze()  # otherwise the collector writes into every shared page

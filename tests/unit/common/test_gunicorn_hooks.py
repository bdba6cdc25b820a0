"""The gunicorn configuration that each worker runs with."""

import json
import os
import subprocess
import sys
from pathlib import Path

from heartguard_common.core.registry import python_path

SHOW = """
import gc
from gunicorn.config import Config
from heartguard_common.runtime import gunicorn_hooks
config = Config()
config.set("post_worker_init", gunicorn_hooks.post_worker_init)
before = gc.get_freeze_count(), *gc.get_threshold()
config.post_worker_init(None)
print(*before, gc.get_freeze_count(), *gc.get_threshold())
"""


def test_a_worker_exempts_preloaded_objects_from_garbage_collection() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SHOW],
        env={**os.environ, "PYTHONPATH": python_path()},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    frozen, first, second, third, frozen_then, first_then, second_then, third_then = map(int, shown.split())
    assert frozen_then > frozen
    # A batch of 1,000 points has about 10,000 objects until its answer: the collector does not run for them.
    assert first_then > 10_000 > first
    assert (second_then, third_then) == (second, third)


COUNT = """
import json, os
from pathlib import Path
from types import SimpleNamespace
from heartguard_common.runtime import gunicorn_hooks; from heartguard_common.identity import policy
gunicorn_hooks.post_fork(None, SimpleNamespace(pid=os.getpid(), handle_exit=lambda *_: None))
def files():
    found = {path.name: path.stat() for path in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).iterdir()}
    return {name: (stat.st_size, stat.st_blocks * 512) for name, stat in found.items()}
before = files()
from heartguard_common.core.metrics import Metrics
metrics = Metrics("gateway")
busy = metrics.gauge("heartguard_gateway_upstream_connections", "Pooled", ("upstream", "state"))
for upstream in "auth organization user media influx audit".split():
    busy.labels(upstream, "busy").set(1)
for rule in policy.load().rules:
    for status in (200, 201, 204, 206, 304, *range(400, 414), 415, 422, 429, 500, 503):
        metrics.observe(rule.id, rule.method, status, 0.1)
print(json.dumps([before, files()]))
"""


def test_metrics_are_created_before_a_worker_counts(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", COUNT],
        env={
            **os.environ,
            "PYTHONPATH": python_path(),
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    before, after = json.loads(shown)
    assert {name.partition("_")[0] for name in before} == {"counter", "gauge", "histogram"}
    # A sparse file has fewer bytes on the disk than its size.
    assert all(held >= size > 0 for size, held in before.values())
    assert after == before

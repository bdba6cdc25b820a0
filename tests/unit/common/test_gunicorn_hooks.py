"""What gunicorn is told to do in each worker."""

import os
import subprocess
import sys

from heartguard_common.paths import REPO_ROOT

SHOW = """
import gc
from gunicorn.config import Config
from heartguard_common import gunicorn_hooks
config = Config()
config.set("post_worker_init", gunicorn_hooks.post_worker_init)
before = gc.get_freeze_count(), *gc.get_threshold()
config.post_worker_init(None)
print(*before, gc.get_freeze_count(), *gc.get_threshold())
"""


def test_a_worker_spares_the_collector_what_it_was_made_of() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SHOW],
        env={**os.environ, "PYTHONPATH": str(REPO_ROOT / "services/common/src")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    frozen, first, second, third, frozen_then, first_then, second_then, third_then = map(int, shown.split())
    assert frozen_then > frozen
    # A batch of 1,000 points is some 10,000 objects that live until its answer: none of them is looked at meanwhile.
    assert first_then > 10_000 > first
    assert (second_then, third_then) == (second, third)

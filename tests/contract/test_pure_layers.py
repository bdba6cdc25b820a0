"""Domain and ports of every service load without a framework, a driver or a client."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sources import SOURCES

FORBIDDEN = (
    *("flask", "werkzeug", "gunicorn", "gevent", "sqlalchemy", "psycopg2", "redis", "requests", "lxml"),
    *("influxdb_client", "google.cloud"),
)
LOADED = f"import sys, {{}}; print(*[name for name in {FORBIDDEN!r} if name in sys.modules])"


def modules():
    for source in map(Path, SOURCES):
        for path in sorted(source.glob("*/**/*.py")):
            parts = path.relative_to(source).with_suffix("").parts
            if parts[1:2] in (("domain",), ("ports",)):
                yield ".".join(parts).removesuffix(".__init__")


def loaded(module):
    """What a fresh interpreter has loaded after it imported the module."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(SOURCES)}
    command = [sys.executable, "-c", LOADED.format(module)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()


def test_domain_and_ports_import_no_network_or_database_library():
    names = list(modules())
    assert len(names) > 25
    with ThreadPoolExecutor(4) as pool:
        found = dict(zip(names, pool.map(loaded, names), strict=True))
    assert {name: what for name, what in found.items() if what} == {}

"""The process of the clients, as benchmarks drive it."""

import json
import subprocess
import sys
from typing import Any


class Clients:
    """Streams that are open and read in another process: see `clients.py`."""

    def __init__(self, port: int) -> None:
        command = [sys.executable, "-m", "bench.streams.clients", str(port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid

    def tell(self, what: dict[str, Any]) -> dict[str, Any]:
        """What they answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

"""Gunicorn's own messages, as the JSON lines of the service that it runs.

They quote what gunicorn can't parse, which may hold a token, so they go through the same redaction (D147).
"""

import importlib.util
import logging
from pathlib import Path

from gunicorn.glogging import Logger

from heartguard_common.core.logs import JsonLines


class ServerLog(Logger):  # type: ignore[misc]  # gunicorn has no types
    """The logger of gunicorn's master and workers."""

    def setup(self, cfg: object) -> None:
        """As gunicorn sets it up, with lines in JSON."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonLines(_service()))
        logging.captureWarnings(capture=True)
        warned = logging.getLogger("py.warnings")
        warned.handlers[:], warned.propagate = self.error_log.handlers, False


def _service() -> str:
    """The service whose `app.py` is in the path: `services/<name>/src/app.py`."""
    spec = importlib.util.find_spec("app")
    return Path(spec.origin).parents[1].name if spec and spec.origin else "server"

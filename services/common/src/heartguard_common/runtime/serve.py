"""Becomes the gunicorn of the service that `HEARTGUARD_SERVICE` names: what an image runs."""

import os
import sys

from heartguard_common.core.registry import SERVICES, source


def command(name: str) -> list[str]:
    """The command line of a service in its container, where it listens on all addresses."""
    service = SERVICES[name]
    where = ("--bind", f"0.0.0.0:{service.port}", "--chdir", str(source(name)))
    return [sys.executable, "-m", "gunicorn", *service.arguments(*where)]


if __name__ == "__main__":
    words = command(os.environ["HEARTGUARD_SERVICE"])
    os.execv(words[0], words)  # noqa: S606 - that is its purpose

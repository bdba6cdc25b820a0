"""Becomes the gunicorn of the service that `HEARTGUARD_SERVICE` names: what an image runs."""

import os
import sys

from heartguard_common.core.registry import SERVICES, source


def main(name: str) -> None:
    """Replace this process; it listens on all addresses of the container. Raises `KeyError` for an unknown service."""
    service = SERVICES[name]
    where = ("--bind", f"0.0.0.0:{service.port}", "--chdir", str(source(name)))
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *service.arguments(*where)])  # noqa: S606


if __name__ == "__main__":
    main(os.environ["HEARTGUARD_SERVICE"])

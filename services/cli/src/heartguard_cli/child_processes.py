"""Prefixes of command lines: how a program that we start is tied to the one that starts it."""

import shutil
import subprocess
from collections.abc import Sequence


def dies_with_parent(signal_name: str) -> tuple[str, ...]:
    """A prefix that makes a command end when its parent is killed; empty where the system has no such thing."""
    setpriv = shutil.which("setpriv")
    if not setpriv or fails([setpriv, "--pdeathsig", signal_name, "true"]):
        return ()
    return (setpriv, "--pdeathsig", signal_name)


def fails(command: Sequence[str]) -> bool:
    """Run a command without its output: whether it can't be run, or exits with another code than 0."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode != 0
    except OSError:
        return True

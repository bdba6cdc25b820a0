"""What the log of a program says about its end."""

import json
import os
import re
from pathlib import Path

SILENCE = "its log says nothing"


def last_error(log: Path, offset: int = 0) -> str:
    """Why a program ended, as far as its log says: from its last exception on, without the server's other messages."""
    lines = [text.strip() for line in _tail(log, offset) for text in _errors(line) if text.strip()]
    for number in range(len(lines) - 1, -1, -1):
        if re.match(r"[\w.]*(Error|Exception|FATAL|Exit)\b", lines[number]):
            return "; ".join(lines[number : number + 6])
    return lines[-1] if lines else SILENCE


def _errors(line: str) -> list[str]:
    """What a line says of an error: the stack in a line of JSON, or a plain line; nothing for the server's messages."""
    if not line.startswith('{"'):
        return [] if line.startswith("[") else [line]
    try:
        return str(json.loads(line).get("stack", "")).splitlines()
    except ValueError:
        return []


def _tail(log: Path, offset: int) -> list[str]:
    if not log.exists():
        return []
    with log.open("rb") as stream:
        stream.seek(max(offset if offset <= size(log) else 0, size(log) - 20_000))
        return stream.read().decode(errors="replace").splitlines()


def size(file: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    return os.stat(file).st_size if file.exists() else 0  # noqa: PTH116

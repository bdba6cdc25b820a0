"""Writes the configuration reference into docs/operations.md from the settings: `python docs/build.py [--check]`."""

import dataclasses
import importlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(path) for path in sorted((ROOT / "services").glob("*/src"))]

from heartguard_cli.programs import VARIABLES  # noqa: E402 - found by the path above

GUIDE = ROOT / "docs" / "operations.md"
BEGIN, END = "<!-- reference: docs/build.py -->", "<!-- end of reference -->"
CLASSES = {
    "consumer": "heartguard_audit.settings:ConsumerSettings",
    "backup": "heartguard_cli.backup.settings:BackupSettings",
}


def main(arguments: Sequence[str]) -> int:
    """Write the guide; with `--check`, 1 when it is not what would be written."""
    old = GUIDE.read_text()
    before, _, rest = old.partition(BEGIN)
    new = f"{before}{BEGIN}\n{reference()}{END}{rest.partition(END)[2]}"
    if "--check" in arguments:
        if new != old:
            print("docs/operations.md is stale: python docs/build.py", file=sys.stderr)
        return int(new != old)
    GUIDE.write_text(new)
    return 0


def reference() -> str:
    """A table: each variable of `.env.example`, what it is, its default, and which programs read it."""
    defaults = _defaults()
    rows = ["", "| variable | default | read by | what |", "|---|---|---|---|"]
    for name, written, text in _example():
        readers = ", ".join(program for program, names in VARIABLES.items() if name in names) or "the command"
        default = written or defaults.get(name, "")
        rows.append(f"| `{name}` | {f'`{default}`' if default else ''} | {readers} | {text} |")
    return "\n".join(rows) + "\n\n"


def _example() -> list[tuple[str, str, str]]:
    found, comment = [], []
    for line in (ROOT / ".env.example").read_text().splitlines():
        if match := re.fullmatch(r"([A-Z][A-Z0-9_]*)=(.*)", line):
            found.append((match[1], match[2], " ".join(comment).replace("|", "\\|")))
            comment = []
        elif line.startswith("# ") and not line.startswith("# ---"):
            comment.append(line[2:])
        else:
            comment = []
    return found


def _defaults() -> dict[str, str]:
    found: dict[str, str] = {}
    for program in VARIABLES:
        module, _, name = CLASSES.get(program, f"heartguard_{program}.settings:Settings").partition(":")
        fields = dataclasses.fields(getattr(importlib.import_module(module), name))
        found |= {
            field.metadata["variable"]: str(field.default)
            for field in fields
            if isinstance(field.default, str | int | Path) and "variable" in field.metadata
        }
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

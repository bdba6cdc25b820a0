"""Writes the hashes into the requirement files: `python services/cli/pin.py`, with uv on the PATH.

A file's first part names what we ask for, by hand, one exact version a line; the part behind `BROUGHT` is what those
bring along, and is made here. Every line gets the SHA-256 of each file of that version, for all systems and Pythons, so
that pip takes no other bytes from whichever index it asks. Versions are those of constraints.txt.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMON = ROOT / "services/common/requirements.txt"
FILES = (
    COMMON,
    *sorted(path for path in ROOT.glob("services/*/requirements.txt") if path != COMMON),
    ROOT / "importers/requirements.txt",
    ROOT / "requirements-gcs.txt",
    ROOT / "requirements-influxdb.txt",
    ROOT / "requirements-tracing.txt",
    ROOT / "requirements-parquet.txt",
    ROOT / "requirements-dev.txt",
    ROOT / "bench/requirements.txt",
)
ALONE = ROOT / "requirements-data.txt"
"""Installed without what it asks for."""
BROUGHT = "# Brought along by those; written by services/cli/pin.py:"
OLDEST_PYTHON = "3.11"


def entries(text: str) -> dict[str, str]:
    """The pins of a requirement file with their hashes, as written, by normalized name.

    A name can have several, where an older Python gets an older version: they stay together.
    """
    found: dict[str, str] = {}
    for entry in re.split(r"(?m)^(?=[A-Za-z0-9])", text)[1:]:
        lines = [line for line in entry.splitlines() if line.strip() and not line.startswith(("#", "-"))]
        name = re.sub(r"[-_.]+", "-", lines[0].partition("==")[0]).lower()
        found[name] = "\n".join([*([found[name]] if name in found else []), *lines])
    return found


def resolved(requirements: str, *, alone: bool = False) -> dict[str, str]:
    """What the requirements come to on every system, with hashes. Raises CalledProcessError where they clash."""
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header", "--no-annotate"]
    command += ["--python-version", OLDEST_PYTHON, *(["--no-deps"] if alone else []), "-"]
    done = subprocess.run(command, input=requirements, capture_output=True, text=True, check=True, cwd=ROOT)
    # HeartGuard runs on Linux and macOS
    return {name: entry for name, entry in entries(done.stdout).items() if "== 'win32'" not in entry}


def written(file: Path) -> Iterator[str]:
    """The lines of a requirement file as they should be."""
    head, _, _ = file.read_text(encoding="utf-8").partition(BROUGHT)
    asked = entries(head)
    yield from (line for line in head.splitlines() if line.startswith(("#", "-")))
    pins = [entry.partition(" ")[0] for entry in asked.values()]
    limits = [] if file.parent.name == "bench" else [f"-c {ROOT / 'constraints.txt'}"]
    of_service = file.parent.parent == ROOT / "services" and file != COMMON
    included = entries(COMMON.read_text(encoding="utf-8")) if of_service else {}
    known = [entry.partition(" ")[0] for entry in included.values() if " ; " not in entry]
    found = resolved("\n".join([*limits, *pins, *known]), alone=file == ALONE)
    for name, pin in zip(asked, pins, strict=True):
        _, _, hashes = found[name].partition("\n")
        yield f"{pin} \\\n{hashes}"
    brought = [entry for name, entry in sorted(found.items()) if name not in {**asked, **included}]
    if brought:
        yield BROUGHT
        yield from brought


def main() -> int:
    """Write every file anew; 0, or 1 where uv can't resolve one."""
    for file in (*FILES, ALONE):
        try:
            lines = "\n".join(written(file)) + "\n"
        except subprocess.CalledProcessError as error:
            print(f"{file.relative_to(ROOT)}: {error.stderr}", file=sys.stderr)
            return 1
        file.write_text(lines, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

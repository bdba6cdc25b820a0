"""The examples of the documents: their blocks of shell commands, and what runs them."""

import os
import re
import subprocess
from pathlib import Path

from heartguard_common.core.paths import REPO_ROOT

# A block is an example where it calls the API; `<!-- gives 201 200 -->` above it names the status of each curl.
BLOCK = re.compile(r"(?:<!-- gives ([0-9 ]+) -->\n)?```(?:sh|bash)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
HOST = "localhost:5000"
SKIPPED = {".venv", "var", "node_modules", ".git"}


def documents() -> list[Path]:
    """Every document that calls the API."""
    found = (path for path in REPO_ROOT.rglob("*.md") if not SKIPPED & set(path.relative_to(REPO_ROOT).parts))
    return sorted(path for path in found if examples(path))


def examples(path: Path) -> list[tuple[list[int], str]]:
    """The expected statuses and the commands of each example, in the order of the document."""
    blocks = BLOCK.findall(path.read_text(encoding="utf-8"))
    return [
        ([int(word) for word in statuses.split()], code)
        for statuses, code in blocks
        if "curl " in code and HOST in code
    ]


def calls(code: str) -> int:
    """How often the commands call curl."""
    return len(re.findall(r"(?<![\w/])curl ", code))


def run(
    blocks: list[str], host: str, folder: Path, operator_token: str
) -> tuple[subprocess.CompletedProcess[str], list[int]]:
    """Run the blocks of one document in one shell; returns how it ended, and the status of each call of curl.

    What a person would type is not changed, but for the address.
    """
    statuses = folder / "statuses"
    statuses.touch()
    counted = f"""curl() {{ command curl --fail-with-body -o "{folder}/body" -w '%{{stderr}}%{{http_code}}\\n' "$@" \\
      2>>"{statuses}"; ended=$?; cat "{folder}/body"; return $ended; }}\n"""
    code = counted + "\n".join(blocks).replace(HOST, host)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=REPO_ROOT,
        env={**os.environ, "OPERATOR_TOKEN": operator_token},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done, [int(line) for line in statuses.read_text().split()]

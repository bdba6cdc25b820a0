"""The operator's guide: every command works as printed, and prints what stands below it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from heartguard_cli.environment import DEFAULT_PORTS
from heartguard_common.core.paths import REPO_ROOT
from tests.clone import Clone

GUIDE = REPO_ROOT / "docs/guides/operating.md"
LINES = r"((?:(?!```).*\n)*)"
BLOCK = re.compile(rf"(?:<!-- ends with ([0-9]+) -->\n)?```sh\n{LINES}```\n```text\n{LINES}```$", re.MULTILINE)
PORTS = {**DEFAULT_PORTS, "gateway": 8000}
"""The ports of the guide."""
VARYING = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?Z", "<time>"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2} \(UTC\)", "<day> (UTC)"),
    (r"(?m)^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3} ", "<clock> "),
    (r"[0-9]+(\.[0-9]+)? (s|ms)\b", r"<number> \2"),
    (r"[0-9A-Z]{5}(-[0-9A-Z]{5}){4}", "<code>"),
    (r"heartguard-[0-9]{8}T[^ :/]*", "<backup>"),
    (r"public key [0-9a-f]{64}", "public key <key>"),
    (r"age1[0-9a-z]{58}", "<public key>"),
    (r"(?m)^(<backup>|heartguard-).*$", "<backup>"),
    (r"[0-9]+ rows in .*", "<content>"),
    (r"(?m)^(\(none\)|[0-9]+)  +[0-9]+  +[0-9]+  +valid$", r"\1 <events> valid"),
    (r" *\.{3,} *", " ... "),
    (r"(?<=\S)  +", "  "),
    (r"(?m) +$", ""),
)
MARK = "@@ "


@dataclass(frozen=True)
class Block:
    """Commands, how the last of them ends, and what they print."""

    status: int
    code: str
    printed: str


def blocks() -> list[Block]:
    found = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    return [Block(int(status or 0), code, printed) for status, code, printed in found]


def settled(text: str) -> str:
    """The text with what differs from day to day replaced by its name."""
    for pattern, name in VARYING:
        text = re.sub(pattern, name, text)
    return text


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    copy = Clone.make(tmp_path)
    copy.hash_lightly()
    yield copy
    copy.stop()


def played(clone: Clone) -> list[tuple[int, str]]:
    """Run all blocks in one shell; how each ended and what it printed, in the words of the guide."""
    script = "".join(f"{{\n{block.code}}} 2>&1\nprintf '{MARK}%d\\n' $?\n" for block in blocks())
    for name, number in PORTS.items():
        script = re.sub(rf"\b{number}\b", str(clone.ports[name]), script)
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    others = {f"{name.upper()}_PORT": str(number) for name, number in clone.ports.items() if name != "gateway"}
    environment = {**kept, **others, "HEARTGUARD_VENV": sys.prefix, "GATEWAY_BIND": "127.0.0.1"}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=clone.root,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=300,
    )
    text = done.stdout.replace(str(clone.root), "/srv/heartguard")
    for name, number in PORTS.items():
        text = re.sub(rf"\b{clone.ports[name]}\b", str(number), text)
    *parts, _ = re.split(rf"{MARK}([0-9]+)\n", text)
    return [(int(status), printed) for printed, status in zip(parts[::2], parts[1::2], strict=True)]


def test_the_guide_works_as_printed(clone: Clone, subtests: pytest.Subtests) -> None:
    known = blocks()
    seen = played(clone)
    if os.environ.get("HEARTGUARD_WRITE_GUIDE"):
        GUIDE.write_text(_written(seen), encoding="utf-8")
        return
    assert len(seen) == len(known)
    for block, (status, printed) in zip(known, seen, strict=True):
        with subtests.test(block.code):
            assert (settled(printed), status) == (settled(block.printed), block.status)


def _written(seen: list[tuple[int, str]]) -> str:
    """The guide with what was printed this time."""
    outputs = iter(seen)

    def replaced(match: re.Match[str]) -> str:
        printed = next(outputs)[1]
        return match[0][: match.start(3) - match.start()] + printed + ("" if printed.endswith("\n") else "\n") + "```"

    return BLOCK.sub(replaced, GUIDE.read_text(encoding="utf-8"))

"""Seeded faults: does the suite notice? `python -m tests.seeded [--only 3,17] [--jobs 2] [--service auth]`.

Each fault of `faults.toml` is put into a copy of the tree, never into the tree itself, and the tests run against it:
first those that the table names, then the faulty service's own, then all but `tests/system`. The first test that is
red, and red again, catches it. A fault that nothing turns red survives; the script ends with 1 when more than one in
twelve does.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from heartguard_common.paths import REPO_ROOT

TABLE = Path(__file__).with_name("faults.toml")
# It compares this table with the tree: with a fault in the tree it is red, and says nothing about the product.
OWN_TEST = "tests/contract/test_seeded_faults.py"
WHOLE = ("tests/unit", "tests/contract", "tests/service", "tests/store", "tests/protection")
SECONDS = 1800
PASSED, NOTHING_COLLECTED = 0, 5


@dataclass(frozen=True)
class Fault:
    """One change of one file: `old` stands there once and becomes `new`; `first` are tests to begin with."""

    number: int
    what: str
    file: str
    old: str
    new: str
    first: tuple[str, ...] = ()

    @property
    def service(self) -> str:
        """Whose file it is."""
        return self.file.partition("/")[0]

    @property
    def path(self) -> str:
        """The file, from the root of the tree."""
        return f"services/{self.file}"


@dataclass(frozen=True)
class Outcome:
    """What became of a fault: the test that caught it, None when none did."""

    fault: Fault
    caught_by: str | None
    seconds: float


def load() -> list[Fault]:
    """The table, numbered from 1."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["fault"]
    return [Fault(number, **{**row, "first": tuple(row.get("first", ()))}) for number, row in enumerate(rows, start=1)]


def stages(fault: Fault, root: Path, reach: str) -> list[list[str]]:
    """What is run one after the other: the fault's own tests, its service's by cost, then everything."""
    service = [f"tests/{kind}/{fault.service}" for kind in ("unit", "service", "store")]
    own = [list(fault.first)] if fault.first else []
    near = [[path] for path in service if (root / path).is_dir()]
    return {"first": own or near, "near": own + near, "whole": [*own, *near, list(WHOLE)]}[reach]


@contextmanager
def planted(fault: Fault, root: Path) -> Iterator[None]:
    """The tree with the fault in it."""
    file = root / fault.path
    sound = file.read_text(encoding="utf-8")
    assert sound.count(fault.old) == 1, f"fault {fault.number}: its old text is not in {fault.path} exactly once"
    file.write_text(sound.replace(fault.old, fault.new), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(sound, encoding="utf-8")


def tried(fault: Fault, root: Path, options: Sequence[str], reach: str) -> Outcome:
    """Run the tests on a tree with this fault until one is red."""
    began = time.monotonic()
    with planted(fault, root):
        for paths in stages(fault, root, reach):
            caught = red(root, paths, options)
            # Once more: a test that measures time may be red by chance, and would be taken for a watchful one.
            if caught is not None and red(root, [caught.partition("[")[0]], options) is not None:
                return Outcome(fault, caught, time.monotonic() - began)
    return Outcome(fault, None, time.monotonic() - began)


def red(root: Path, paths: Sequence[str], options: Sequence[str]) -> str | None:
    """The first test that fails, or None; the first of `paths` where pytest names none, or does not end."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *options]
    command += [f"--ignore={OWN_TEST}", *paths]
    sources = os.pathsep.join(str(path) for path in sorted(root.glob("services/*/src")))
    environment = {**os.environ, "PYTHONPATH": sources}
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return paths[0]
    if done.returncode in (PASSED, NOTHING_COLLECTED):
        return None
    named = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return named[1] if named else paths[0]


def copied(target: Path) -> Path:
    """A copy of the tree as it stands: what git knows, and what it would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO_ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, place = REPO_ROOT / name, target / name
        if source.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, place)
    # some tests ask git what belongs to the tree
    subprocess.run(["git", "init", "-q"], cwd=target, check=True)
    subprocess.run(["git", "add", "-A"], cwd=target, check=True, capture_output=True)
    return target


def run(faults: Sequence[Fault], jobs: int, options: Sequence[str], reach: str) -> Iterator[Outcome]:
    """The outcomes in the order of the table; each job has a copy of the tree to itself."""
    with tempfile.TemporaryDirectory(prefix="heartguard-seeded-") as place:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            trees.put(copied(Path(place, str(number))))

        def one(fault: Fault) -> Outcome:
            tree = trees.get()
            try:
                return tried(fault, tree, options, reach)
            finally:
                trees.put(tree)

        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(one, faults)


def main(arguments: Sequence[str]) -> int:
    """0 when at least eleven faults in twelve were caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.seeded", description="Does the suite notice a fault?")
    parser.add_argument("--only", help="numbers of faults, with commas and ranges: 3,17-20")
    parser.add_argument("--service", help="only the faults of one service, or of common or cli")
    parser.add_argument("--reach", choices=("first", "near", "whole"), default="whole", help="how far a fault is tried")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--pytest", action="append", default=[], help="an option for pytest, such as --pytest=-n2")
    chosen = parser.parse_args(arguments)
    faults = [it for it in load() if chosen.service in (None, it.service)]
    if chosen.only:
        faults = [it for it in faults if it.number in numbers(chosen.only)]
    survived = 0
    for outcome in run(faults, chosen.jobs, chosen.pytest, chosen.reach):
        survived += outcome.caught_by is None
        fault = outcome.fault
        how = outcome.caught_by or "SURVIVED"
        print(f"{fault.number:3}  {fault.service:12}  {outcome.seconds:5.0f} s  {fault.what}\n     {how}", flush=True)
    print(f"{len(faults) - survived} of {len(faults)} faults were caught")
    return 1 if survived * 12 > len(faults) else 0


def numbers(text: str) -> set[int]:
    """The numbers of `3,17-20`."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

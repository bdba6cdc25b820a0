"""Mutations: does the suite notice? `python -m tests.mutations [--only 3,17] [--jobs 2] [--service auth]`.

Each mutation of `mutations.toml` is made in a copy of the tree, never in the tree itself, and the tests run against it:
first those that the table names, then the changed service's own, then all but `tests/system`. The first test that
fails, and fails again, catches it. A mutation with which no test fails survives; the script ends with 1 when more than
one in twelve does.
"""

import argparse
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

from heartguard_common.core.paths import REPO_ROOT

TABLE = Path(__file__).with_name("mutations.toml")
# It compares this table with the tree: with a mutation in the tree it fails and shows nothing.
OWN_TEST = "tests/contract/test_mutations.py"
WHOLE = ("tests/unit", "tests/contract", "tests/service", "tests/store", "tests/protection")
SECONDS = 1800
PASSED, NOTHING_COLLECTED = 0, 5


@dataclass(frozen=True)
class Mutation:
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
    """The outcome of a mutation: the test that caught it, None when none did."""

    mutation: Mutation
    caught_by: str | None
    seconds: float


def load() -> list[Mutation]:
    """The table, numbered from 1."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["mutation"]
    return [
        Mutation(number, **{**row, "first": tuple(row.get("first", ()))}) for number, row in enumerate(rows, start=1)
    ]


def stages(mutation: Mutation, root: Path, reach: str) -> list[list[str]]:
    """What is run one after the other: the mutation's own tests, its service's by cost, then everything."""
    service = [f"tests/{kind}/{mutation.service}" for kind in ("unit", "service", "store")]
    own = [list(mutation.first)] if mutation.first else []
    near = [[path] for path in service if (root / path).is_dir()]
    return {"first": own or near, "near": own + near, "whole": [*own, *near, list(WHOLE)]}[reach]


@contextmanager
def planted(mutation: Mutation, root: Path) -> Iterator[None]:
    """The tree with the mutation in it."""
    file = root / mutation.path
    sound = file.read_text(encoding="utf-8")
    assert sound.count(mutation.old) == 1, (
        f"mutation {mutation.number}: its old text is not in {mutation.path} exactly once"
    )
    file.write_text(sound.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(sound, encoding="utf-8")


def tried(mutation: Mutation, root: Path, options: Sequence[str], reach: str) -> Outcome:
    """Run the tests on a tree with this mutation until one fails."""
    began = time.monotonic()
    with planted(mutation, root):
        for paths in stages(mutation, root, reach):
            caught = red(root, paths, options)
            # Once more: a test that measures time may be red by chance, and would be taken for a watchful one.
            if caught is not None and red(root, [caught.partition("[")[0]], options) is not None:
                return Outcome(mutation, caught, time.monotonic() - began)
    return Outcome(mutation, None, time.monotonic() - began)


def red(root: Path, paths: Sequence[str], options: Sequence[str]) -> str | None:
    """The first test that fails, or None; the first of `paths` where pytest names none, or does not end."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *options]
    command += [f"--ignore={OWN_TEST}", *paths]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=SECONDS, check=False)
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


def run(mutations: Sequence[Mutation], jobs: int, options: Sequence[str], reach: str) -> Iterator[Outcome]:
    """The outcomes in the order of the table; each job has a copy of the tree to itself."""
    with tempfile.TemporaryDirectory(prefix="heartguard-mutations-") as place:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            trees.put(copied(Path(place, str(number))))

        def one(mutation: Mutation) -> Outcome:
            tree = trees.get()
            try:
                return tried(mutation, tree, options, reach)
            finally:
                trees.put(tree)

        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(one, mutations)


def main(arguments: Sequence[str]) -> int:
    """0 when at least eleven mutations in twelve were caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description="Does the suite notice a mutation?")
    parser.add_argument("--only", help="numbers of mutations, with commas and ranges: 3,17-20")
    parser.add_argument("--service", help="only the mutations of one service, or of common or cli")
    parser.add_argument("--reach", choices=("first", "near", "whole"), default="whole", help="how many tests are tried")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--pytest", action="append", default=[], help="an option for pytest, such as --pytest=-n2")
    chosen = parser.parse_args(arguments)
    mutations = [it for it in load() if chosen.service in (None, it.service)]
    if chosen.only:
        mutations = [it for it in mutations if it.number in numbers(chosen.only)]
    survived = 0
    for outcome in run(mutations, chosen.jobs, chosen.pytest, chosen.reach):
        survived += outcome.caught_by is None
        mutation = outcome.mutation
        how = outcome.caught_by or "SURVIVED"
        print(
            f"{mutation.number:3}  {mutation.service:12}  {outcome.seconds:5.0f} s  {mutation.what}\n     {how}",
            flush=True,
        )
    print(f"{len(mutations) - survived} of {len(mutations)} mutations were caught")
    return 1 if survived * 12 > len(mutations) else 0


def numbers(text: str) -> set[int]:
    """The numbers of `3,17-20`."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

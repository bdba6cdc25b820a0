"""Branch coverage of the services under the tests that start no whole product: `python -m tests.coverage`.

Arguments go to pytest. Children that the tests start (gunicorn with its workers, the audit consumer) count too; what a
test kills with SIGKILL does not. The last lines are the figures, the table before them has the holes by line.
"""

import json
import subprocess
import sys

from heartguard_common.core.paths import REPO_ROOT

TESTED = ("unit", "importers", "service", "store", "contract", "protection")


def main(arguments: list[str]) -> int:
    """The exit status of pytest, or of what follows it."""
    tool = [sys.executable, "-m", "coverage"]
    into = REPO_ROOT / "var" / "coverage"
    into.mkdir(parents=True, exist_ok=True)
    subprocess.run([*tool, "erase"], cwd=REPO_ROOT, check=True)
    paths = [f"tests/{name}" for name in TESTED]
    status = subprocess.run([*tool, "run", "-m", "pytest", "-q", *paths, *arguments], cwd=REPO_ROOT, check=False)
    report = into / "report.json"
    for command in (["combine", "-q"], ["report"], ["json", "-q", "-o", str(report)]):
        subprocess.run([*tool, *command], cwd=REPO_ROOT, check=True)
    totals = json.loads(report.read_text(encoding="utf-8"))["totals"]
    branches, lines = totals["covered_branches"], totals["covered_lines"]
    print(f"branches: {branches} of {totals['num_branches']} ({100 * branches / totals['num_branches']:.1f} %)")
    print(f"lines: {lines} of {totals['num_statements']} ({100 * lines / totals['num_statements']:.1f} %)")
    return status.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

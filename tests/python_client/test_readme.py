"""The Python of the client's README runs as it stands."""

import os
import re
import subprocess
import sys

import sources
from heartguard_common.core.paths import REPO_ROOT
from tests.python_client.conftest import PASSWORD

README = REPO_ROOT / "clients" / "python" / "README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_the_examples_run_in_their_order(person, tmp_path):
    code = "".join(BLOCK.findall(README.read_text(encoding="utf-8")))
    for printed, real in (
        ("http://localhost:5000", person.url),
        ("ana@example.org", person.email),
        ("Secret123", PASSWORD),
    ):
        assert printed in code
        code = code.replace(printed, real)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sources.SOURCES)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}T\S+Z 72\.0\n", done.stdout)
    assert (tmp_path / "points.db").exists()

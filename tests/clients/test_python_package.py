"""heartguard-client builds, installs into an empty environment, and works there."""

import tarfile
import venv
import zipfile
from pathlib import Path

from heartguard_common.core.paths import REPO_ROOT
from tests.clients.tools import run

SOURCE = REPO_ROOT / "clients" / "python"
TABLE = """
from heartguard_client import Sample
from heartguard_client.frames import frame

rows = [Sample("heart_rate", "2024-06-01T10:00:00.123456789Z", {"bpm": 72.0}, {"user_id": "1"})]
table = frame(rows)
print(table.index[0].isoformat(), list(table.columns), table["bpm"].iloc[0], len(frame([])))
"""


def test_the_wheel_and_the_source_archive_have_everything(tmp_path: Path) -> None:
    venv.create(tmp_path / "built", with_pip=True)
    build = tmp_path / "built" / "bin"
    run([build / "pip", "install", "-q", "build==1.3.0"], tmp_path)
    run([build / "python", "-m", "build", "--outdir", tmp_path / "dist", SOURCE], tmp_path)
    (wheel,) = (tmp_path / "dist").glob("heartguard_client-*.whl")
    (archive,) = (tmp_path / "dist").glob("heartguard_client-*.tar.gz")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"heartguard_client/py.typed", "heartguard_client/messages/user.py"} <= set(names)
    with tarfile.open(archive) as files:
        assert {"README.md", "CHANGELOG.md", "LICENSE"} <= {Path(it.name).name for it in files}

    venv.create(tmp_path / "used", with_pip=True)
    used = tmp_path / "used" / "bin"
    run([used / "pip", "install", "-q", f"{wheel}[pandas]"], tmp_path)
    assert run([used / "heartguard-client", "--version"], tmp_path).startswith("heartguard-client, version ")
    assert run([used / "python", "-c", TABLE], tmp_path) == (
        "2024-06-01T10:00:00.123456789+00:00 ['tags.user_id', 'bpm'] 72.0 0\n"
    )

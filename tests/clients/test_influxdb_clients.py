"""InfluxData's JavaScript client and Telegraf write as the guide configures them, against a running system."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from heartguard_common.core.paths import REPO_ROOT
from tests.running import RunningSystem

GUIDE = (REPO_ROOT / "docs" / "guides" / "influxdb-clients.md").read_text()
PASSWORD = "a long password 1"


def recipe(language: str) -> str:
    """The one block of that language in the guide."""
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    return str(code)


@dataclass(frozen=True)
class Writer:
    """An organization with a device key."""

    url: str
    bearer: dict[str, str]
    bucket: str
    key: str

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "HEARTGUARD_URL": self.url, "KEY": self.key, "BUCKET": self.bucket}

    def stored(self, device: str) -> int:
        """How many heart rates a device of that name has."""
        asked = {
            "bucket": self.bucket,
            "measurement": "heart_rate",
            "tags": {"device": device},
            "range_start": "2020-01-01T00:00:00Z",
            "range_stop": "2100-01-01T00:00:00Z",
        }
        answer = requests.post(f"{self.url}/timeseries/query", json=asked, headers=self.bearer, timeout=20)
        assert answer.status_code == 200, answer.text
        return sum(len(series["points"]) for series in answer.json()["series"])


@pytest.fixture
def writer(running_system: RunningSystem, request: pytest.FixtureRequest) -> Writer:
    url, account = running_system.gateway_url, {"email": f"{request.node.name}@influxdb.example", "password": PASSWORD}
    made = requests.post(f"{url}/auth/register", json=account, timeout=20).json()
    token = requests.post(f"{url}/auth/login", json=account, timeout=20).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    asked = {"kind": "device", "name": "of a test"}
    key = requests.post(f"{url}/auth/api-keys", json=asked, headers=bearer, timeout=20).json()["key"]
    return Writer(url, bearer, f"org_{made['org_id']}", key)


def test_javascript(node: Path, writer: Writer) -> None:
    (node / "recipe.mjs").write_text(recipe("js"))
    subprocess.run(["node", "recipe.mjs"], cwd=node, env=writer.environ, check=True, timeout=60)
    assert writer.stored("javascript") == 1


def test_telegraf(telegraf: Path, writer: Writer, tmp_path: Path) -> None:
    """Both outputs write the same lines; one is refused, and Telegraf drops it and goes on."""
    lines = [f"heart_rate,device=telegraf bpm={60 + number} {(1717236000 + number) * 10**9}" for number in range(30)]
    lines.append(f"heart_rate,device=telegraf,user_id=999999 bpm=1 {1717236000 * 10**9}")
    (tmp_path / "lines").write_text("\n".join(lines) + "\n")
    source = f"[agent]\n  omit_hostname = true\n[[inputs.file]]\n  files = [{json.dumps(str(tmp_path / 'lines'))}]\n"
    (tmp_path / "telegraf.conf").write_text(source + recipe("toml"))
    command = [str(telegraf), "--config", "telegraf.conf", "--once"]
    done = subprocess.run(
        command, cwd=tmp_path, env=writer.environ, capture_output=True, text=True, timeout=120, check=False
    )
    named = re.findall(
        r"E! \[(outputs\.[a-z0-9_]+)\].* partial write: line 31: .* dropped=1$", done.stderr, re.MULTILINE
    )
    assert set(named) == {"outputs.influxdb", "outputs.influxdb_v2"}, done.stderr
    assert writer.stored("telegraf") == 30, done.stderr

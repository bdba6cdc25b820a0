"""A real InfluxDB 1.13 behind the few answers of InfluxDB 2 that it gives otherwise.

It stores, deletes and computes with Flux as it does; what is put in order here is the naming of buckets (a database and
its retention policy), the form of errors, and organizations and tokens, of which it has none.
"""

import json
import shutil
import subprocess
import time
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import urllib3

from tests.fakes.influxdb.http_server import Answered, HttpServer
from tests.fakes.influxdb.recorded import ORG, TOKEN
from tests.servers import free_port

ORG_ID = "e18794377409c57c"
CONFIGURATION = """
reporting-disabled = true
bind-address = "127.0.0.1:{inner}"
[meta]
dir = "{directory}/meta"
[data]
dir = "{directory}/data"
wal-dir = "{directory}/wal"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
flux-enabled = true
log-enabled = false
[monitor]
store-enabled = false
"""
JSON = {"Content-Type": "application/json; charset=utf-8"}


class InfluxDB1(HttpServer):
    """Starts `influxd` on an empty directory; `url`, TOKEN and ORG are what an InfluxDB 2 would have."""

    def __init__(self, influxd: Path, directory: Path):
        port = free_port()
        (directory / "influxd.conf").write_text(CONFIGURATION.format(directory=directory, port=port, inner=free_port()))
        with (directory / "influxd.log").open("wb") as log:
            self._process = subprocess.Popen(
                [influxd, "-config", str(directory / "influxd.conf")], stdout=log, stderr=subprocess.STDOUT
            )
        self._directory = directory
        self._server_url = f"http://127.0.0.1:{port}"
        self._http = urllib3.PoolManager(maxsize=8, retries=False)
        self._wait()
        super().__init__()

    def _wait(self):
        deadline = time.monotonic() + 20
        while True:
            try:
                self._http.request("GET", f"{self._server_url}/ping", timeout=1.0)
                return
            except urllib3.exceptions.HTTPError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def close(self):
        super().close()
        self._process.terminate()
        self._process.wait(20)
        shutil.rmtree(self._directory, ignore_errors=True)

    def answer(self, asked):
        target = urlsplit(asked.target)
        query = {name: values[0] for name, values in parse_qs(target.query, keep_blank_values=True).items()}
        if asked.headers.get("authorization") != f"Token {TOKEN}":
            return _error(401, "unauthorized", "unauthorized access")
        if target.path == "/api/v2/orgs":
            return Answered(200, json.dumps({"orgs": [{"id": ORG_ID, "name": ORG}]}), JSON)
        if target.path == "/api/v2/buckets" and asked.method == "GET":
            return self._find(query.get("name"), int(query.get("offset", 0)))
        if target.path == "/api/v2/buckets":
            return self._create(json.loads(asked.body))
        if target.path.startswith("/api/v2/buckets/"):
            name = target.path.removeprefix("/api/v2/buckets/")
            self._ask("DELETE", f"/api/v2/buckets/{quote(name)}%2Fautogen")
            self._ask("POST", "/query?" + urlencode({"q": f'DROP DATABASE "{name}"'}))
            return Answered(204)
        return self._passed_on(asked, target, query)

    def _passed_on(self, asked, target, query):
        # Its earliest time of a deletion is a little later.
        body = asked.body.replace("1677-09-21T00:12:43.145224194Z", "1677-09-21T00:12:44Z").encode()
        if target.path == "/api/v2/write" and not body:
            # It takes an empty body for any bucket.
            return Answered(204) if self._known(query["bucket"]) else _error(404, "not found", "bucket not found")
        status, text = self._ask("POST", asked.target, body, asked.headers.get("content-type", "text/plain"))
        if status < 300:
            return Answered(204 if target.path != "/api/v2/query" else 200, text, {"Content-Type": "text/csv"})
        message = json.loads(text)["error"]
        if "database not found" in message or "no database" in message:
            name = query.get("bucket", "")
            return _error(404, "not found", f'bucket "{name}" not found' if name else "could not find bucket")
        return _error(422 if "partial write" in message else status, "invalid", message)

    def _find(self, name, offset=0):
        _, text = self._ask("GET", "/api/v2/buckets")
        names = [bucket["name"].removesuffix("/autogen") for bucket in json.loads(text)["buckets"]]
        if name is not None and name not in names:
            return _error(404, "not found", f'bucket "{name}" not found')
        found = [_bucket(each) for each in names if name in (None, each)][offset:]
        return Answered(200, json.dumps({"buckets": found}), JSON)

    def _create(self, document):
        name = document["name"]
        if self._known(name):
            return _error(422, "conflict", f"bucket with name {name} already exists")
        wanted = {"orgID": ORG_ID, "name": f"{name}/autogen", "retentionRules": document["retentionRules"]}
        status, text = self._ask("POST", "/api/v2/buckets", json.dumps(wanted).encode())
        assert status == 201, text
        return Answered(201, json.dumps(_bucket(name)), JSON)

    def _known(self, name):
        return self._find(name).status == 200

    def _ask(self, method, target, body=b"", content_type="application/json"):
        answer = self._http.request(
            method, self._server_url + target, body=body, headers={"Content-Type": content_type}, timeout=30.0
        )
        return answer.status, answer.data.decode()


def _bucket(name):
    return {"id": name, "orgID": ORG_ID, "type": "user", "name": name, "retentionRules": []}


def _error(status, code, message):
    return Answered(status, json.dumps({"code": code, "message": message}), JSON)

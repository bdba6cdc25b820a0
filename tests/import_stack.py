"""The influx service and a media service that keeps the files of imports, both as they run in production."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.people import found, join
from tests.servers import Database, free_port, until
from tests.service.gateway.stack import GunicornProcess
from tests.tokens import bearer, settings_environ

ENDED = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class ImportStack:
    """Both services, an organization with an admin, and a member with the role user."""

    influx: GunicornProcess
    media: GunicornProcess
    database: Database
    org: int
    admin: dict[str, str]
    person: int
    who: dict[str, str]
    spool: str

    def call(self, method: str, path: str, who: dict[str, str] | None = None, **how: Any) -> requests.Response:
        """A request to influx, by the member or somebody else."""
        url = f"http://127.0.0.1:{self.influx.port}{path}"
        return requests.request(method, url, headers=who or self.who, timeout=60, **how)

    def announce(self, file: bytes, name: str = "file", **members: Any) -> Any:
        """Ask for an import of a file, without sending it; returns the ticket."""
        answer = self.call("POST", "/imports", json={"file_name": name, "size": len(file), **members})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def send(self, ticket: Any, file: bytes) -> None:
        sent = requests.put(ticket["url"], data=file, headers=ticket["headers"], timeout=60)
        assert sent.status_code == 201, sent.text

    def begin(self, file: bytes, name: str = "file", **members: Any) -> str:
        """Ask for an import and send its file; returns its id."""
        ticket = self.announce(file, name, **members)
        self.send(ticket, file)
        return str(ticket["id"])

    def state(self, import_id: str) -> Any:
        answer = self.call("GET", f"/imports/{import_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ended(self, import_id: str, seconds: float = 120.0) -> Any:
        """The import once it has ended and its file is removed."""
        until(lambda: self.state(import_id)["status"] in ENDED, "the end of the import", seconds)
        return self.state(import_id)

    def import_file(self, file: bytes, name: str = "file", **members: Any) -> Any:
        """Import a file; returns what became of it."""
        return self.ended(self.begin(file, name, **members))

    def points(self, measurement: str = "heart_rate", **tags: str) -> list[Any]:
        """The member's points of a measurement as the service gives them."""
        asked = {
            "bucket": f"org_{self.org}",
            "measurement": measurement,
            "range_start": "1971-01-01T00:00:00Z",
            "range_stop": "2099-01-01T00:00:00Z",
            "tags": {"user_id": str(self.person), **tags},
        }
        answer = self.call("POST", "/timeseries/query", json=asked)
        assert answer.status_code == 200, answer.text
        return [point for series in answer.json()["series"] for point in series["points"]]


@contextmanager
def running(
    database: Database, redis_url: str, directory: Path, *, reads: bool = True, **settings: str
) -> Iterator[ImportStack]:
    """Start both; influx only where it `reads`, with more `settings`."""
    org = found(database)
    port = free_port()
    media_url = f"http://127.0.0.1:{port}"
    kept = {"MEDIA_DIR": str(directory / "media"), "MAX_UPLOAD_MB": "1", "PUBLIC_URL": media_url}
    kept = settings_environ("media", database, redis_url, **kept)
    media = GunicornProcess(kept, directory / "media.log", workers=1, service="media", port=port)
    used = settings_environ("influx", database, redis_url, MEDIA_URL=media_url, **settings)
    influx = GunicornProcess(used, directory / "influx.log", workers=1, service="influx")
    admin, person = join(database, org, "admin"), join(database, org)
    with media.running(), influx.running() if reads else nullcontext():
        yield ImportStack(
            influx,
            media,
            database,
            org,
            bearer(admin, "admin", org),
            person,
            bearer(person, "user", org),
            used["SPOOL_DIR"],
        )

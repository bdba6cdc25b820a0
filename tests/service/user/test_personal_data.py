"""A person's data in all services: taken along whole, and removed without a trace. Six real services, real HTTP."""

import base64
import hashlib
import io
import json
import logging
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from heartguard_audit.domain.chain import Keys
from heartguard_audit.store.outbox import PostgresOutbox
from heartguard_audit.store.stream import RedisStream
from heartguard_audit.usecases.ingest import EventIngest
from heartguard_common.core.registry import SERVICES
from heartguard_common.stores.database import Database as Pool
from heartguard_common.stores.redis_client import make_redis
from tests.people import owner
from tests.running_services import RunningServices, running_services
from tests.servers import Database, until
from tests.service.user.test_administration import Clinic, code
from tests.store.audit.conftest import Trail, dead_letters_of
from tests.tokens import operator_auth, settings_environ

ALL = [name for name in SERVICES if name != "gateway"]
EMAIL, NAME = "wanda.quixote@clinic.example", "Wanda Quixote-Ünal"
FILE = b"a scan of wanda"


@pytest.fixture
def stack(database: Database, redis_url: str) -> Iterator[RunningServices]:
    with running_services(database, redis_url, *ALL) as running:
        yield running


@pytest.fixture
def settle(database: Database, redis_url: str) -> Iterator[Callable[[], None]]:
    """Moves into the trail what is in the stream."""
    environ = settings_environ("audit", database, redis_url)
    pool, client = Pool(environ["DATABASE_URL"]), make_redis(redis_url, timeout_seconds=1, decode=False)
    stream = RedisStream(client, block_ms=1)
    trail = Trail(pool, Keys(environ["AUDIT_CHECKPOINT_KEY"]))
    dead_letters = dead_letters_of(pool)
    outbox = EventIngest(PostgresOutbox(pool), trail, logging.getLogger("test"), dead_letters)
    ingest = EventIngest(stream, trail, logging.getLogger("test"), dead_letters)

    def move() -> None:
        stream.prepare()
        while outbox.step() or ingest.step():
            pass

    yield move
    client.close()
    pool.close()


class Wanda:
    """A member who has left something everywhere."""

    def __init__(self, stack: RunningServices, clinic: Clinic) -> None:
        self.stack, self.clinic = stack, clinic
        self.id = clinic.register(EMAIL, clinic.admin, role="user", full_name=NAME)["user_id"]
        self.bearer = clinic.login(EMAIL)
        self.bucket = f"org_{clinic.org}"
        assert self.ask("user", "PUT", "/users/me", {"preferences": {"lang": "es"}}).status_code == 200
        points = [point(72 + number, number) for number in range(3)]
        assert self.write(points).get_json()["inserted"] == 3
        once = {"Idempotency-Key": "k1"}
        self.file = self.ask("media", "POST", "/media/upload", document(FILE), once).get_json()["id"]

    def ask(self, service: str, method: str, path: str, body: Any = None, more: Any = None) -> Any:
        headers = {**self.bearer, **(more or {})}
        return self.stack.client(service).open(path, method=method, json=body, headers=headers)

    def write(self, points: Any) -> Any:
        return self.ask("influx", "POST", "/timeseries/write", {"bucket": self.bucket, "points": points})

    def export(self) -> dict[str, Any]:
        """Ask for an archive and wait for it."""
        asked = self.ask("user", "POST", "/users/me/export")
        assert asked.status_code == 202, asked.data
        place = asked.headers["Location"]
        until(lambda: self.ask("user", "GET", place).get_json()["status"] in ("done", "failed"), "the export")
        return dict(self.ask("user", "GET", place).get_json())

    def archive(self, job: dict[str, Any]) -> zipfile.ZipFile:
        path = job["result_url"].removeprefix("http://heartguard.test")
        answer = self.stack.client("media").get(path)
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"].startswith("attachment")
        return zipfile.ZipFile(io.BytesIO(answer.data))


def point(bpm: float, second: int) -> dict[str, Any]:
    return {"measurement": "heart_rate", "fields": {"bpm": bpm}, "timestamp": f"2024-06-01T10:00:0{second}Z"}


def document(content: bytes) -> dict[str, str]:
    return {"file_name": "../scan.txt", "content_type": "text/plain", "data_base64": base64.b64encode(content).decode()}


@pytest.fixture
def clinic(stack: RunningServices) -> Clinic:
    return Clinic(stack)


@pytest.fixture
def wanda(stack: RunningServices, clinic: Clinic) -> Wanda:
    return Wanda(stack, clinic)


def records(archive: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in archive.read(name).splitlines()]


def everything(database: Database) -> dict[str, str]:
    """Every row of every table, as text, in an order that a change of nothing leaves as it is."""
    with owner(database) as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'heartguard_core'")
        names = [name for (name,) in cursor.fetchall()]
        found = {}
        for name in names:
            cursor.execute(
                f"SELECT coalesce(string_agg(it, E'\\n' ORDER BY it), '')"
                f" FROM (SELECT row_to_json(t)::text AS it FROM heartguard_core.{name} AS t) AS rows"
            )
            found[name] = cursor.fetchone()[0]
        return found


def test_an_archive_contains_the_data_of_every_service(wanda: Wanda, settle: Callable[[], None]) -> None:
    settle()
    job = wanda.export()
    assert (job["status"], job["progress"]) == ("done", 100)
    with wanda.archive(job) as archive:
        assert archive.testzip() is None
        (account,) = [line["data"] for line in records(archive, "account.ndjson") if line["kind"] == "account"]
        assert (account["id"], account["email"], account["role"]) == (wanda.id, EMAIL, "user")
        assert b"password" not in archive.read("account.ndjson")
        assert [line["kind"] for line in records(archive, "account.ndjson")][1:] == ["session"]
        profile = {"id": wanda.id, "full_name": NAME, "preferences": {"lang": "es"}}
        assert records(archive, "profile.ndjson") == [{"kind": "profile", "data": profile}]
        assert records(archive, "organization.ndjson")[0]["data"] == {"id": wanda.clinic.org, "name": "Clinic"}
        points = [line["data"] for line in records(archive, "telemetry.ndjson")]
        assert [one["fields"]["bpm"] for one in points] == [72, 73, 74]
        assert points[0]["time"] == "2024-06-01T10:00:00Z"
        assert points[0]["tags"] == {"user_id": str(wanda.id)}
        assert (points[0]["bucket"], points[0]["measurement"]) == (wanda.bucket, "heart_rate")
        assert [line["data"]["id"] for line in records(archive, "media.ndjson")] == [wanda.file]
        assert archive.read(f"media/{wanda.file}/_scan.txt") == FILE
        actions = {line["data"]["action"] for line in records(archive, "audit.ndjson")}
        assert {"auth.registered", "auth.login", "user.update_self", "media.upload"} <= actions
        manifest = json.loads(archive.read("manifest.json"))
        assert (manifest["user_id"], manifest["removed_meanwhile"]) == (wanda.id, [])
        assert {entry["path"] for entry in manifest["files"]} == set(archive.namelist()) - {"manifest.json"}
        for entry in manifest["files"]:
            content = archive.read(entry["path"])
            assert (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
            if "records" in entry:
                assert entry["records"] == len(content.splitlines())


def test_an_archive_belongs_to_its_person_and_is_not_listed_as_a_file(wanda: Wanda, stack: RunningServices) -> None:
    job = wanda.export()
    place = f"/users/me/exports/{job['id']}"
    assert code(stack.client("user").get(place, headers=wanda.clinic.admin)) == (404, "USER_003")
    assert code(stack.client("user").get(place, headers=operator_auth())) == (403, "GEN_403")
    items = stack.client("media").get("/media/items", headers=wanda.clinic.admin).get_json()["items"]
    assert [item["id"] for item in items] == [wanda.file]
    archived = job["result_url"].rpartition("/")[2].partition("?")[0]
    assert stack.client("media").get(f"/media/items/{archived}/download", headers=wanda.clinic.admin).status_code == 404
    with wanda.archive(wanda.export()) as archive:
        assert len(records(archive, "media.ndjson")) == 1, "the archive before is not in this one"
    assert "result_url" not in wanda.ask("user", "GET", place).get_json(), "one archive is kept"


def test_an_archive_expires(wanda: Wanda, stack: RunningServices, database: Database) -> None:
    job = wanda.export()
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.export_archives SET expires_at = now() - interval '2 seconds'")
    shown = wanda.ask("user", "GET", f"/users/me/exports/{job['id']}").get_json()
    assert shown == {"id": job["id"], "status": "done", "progress": 100}
    path = job["result_url"].removeprefix("http://heartguard.test")
    assert stack.client("media").get(path).status_code == 404


def test_a_repeated_export_request_is_the_same_job_and_a_new_process_completes_it(
    wanda: Wanda, stack: RunningServices
) -> None:
    stack.closed.add("audit")
    once = {"Idempotency-Key": "e1"}
    first = wanda.ask("user", "POST", "/users/me/export", more=once)
    again = wanda.ask("user", "POST", "/users/me/export", more=once)
    other = wanda.ask("user", "POST", "/users/me/export")
    assert len({answer.get_json()["id"] for answer in (first, again, other)}) == 1
    place = first.headers["Location"]
    until(lambda: "error" in wanda.ask("user", "GET", place).get_json(), "the wait for audit")
    waiting = wanda.ask("user", "GET", place).get_json()
    assert (waiting["status"], waiting["error"]) == ("running", "audit: GEN_502")
    stack.closed.clear()
    stack.start("user")
    until(lambda: wanda.ask("user", "GET", place).get_json()["status"] == "done", "the export")


def test_an_export_in_xml(wanda: Wanda) -> None:
    answer = wanda.ask("user", "POST", "/users/me/export", more={"Accept": "application/xml"})
    assert answer.status_code == 202
    assert answer.data.partition(b"?>\n")[2].startswith(b"<Job><id>")


def test_a_deleted_person_leaves_only_ids(
    wanda: Wanda, stack: RunningServices, database: Database, settle: Callable[[], None]
) -> None:
    wanda.export()
    stack.client("auth").post("/auth/login", json={"email": EMAIL, "password": "wrong"})
    answer = wanda.ask("user", "DELETE", f"/users/{wanda.id}")
    assert answer.status_code == 202
    assert wanda.ask("user", "GET", "/users/me").status_code == 401
    place = answer.headers["Location"]
    seen = lambda who: stack.client("user").get(place, headers=who).get_json()  # noqa: E731
    until(lambda: seen(operator_auth())["status"] == "done", "the deletion")
    assert seen(wanda.clinic.admin)["progress"] == 100
    settle()
    tables = everything(database)
    assert "user.deleted" in tables["audit_events"]
    assert f"user:{wanda.id}" in tables["audit_events"]
    for secret in (EMAIL, "wanda", "quixote", NAME, "Ünal"):
        assert [name for name, rows in tables.items() if secret.lower() in rows.lower()] == []
    for name in ("sessions", "refresh_tokens", "user_preferences", "idempotency_keys", "series", "media_items"):
        assert f'"user_id":{wanda.id}' not in tables[name]
    assert (tables["points"], tables["media_items"], tables["export_archives"]) == ("", "", "")
    assert wanda.clinic.try_login(EMAIL).status_code == 401
    fresh = wanda.clinic.register(EMAIL, wanda.clinic.admin, role="user")
    assert fresh["user_id"] != wanda.id


def test_a_deletion_waits_for_the_services_it_needs(wanda: Wanda, stack: RunningServices, database: Database) -> None:
    stack.closed.update(("auth", "influx"))
    answer = wanda.ask("user", "DELETE", f"/users/{wanda.id}")
    assert answer.status_code == 202
    place = answer.headers["Location"]
    seen = lambda: stack.client("user").get(place, headers=operator_auth()).get_json()  # noqa: E731
    assert (seen()["status"], seen()["error"]) == ("running", "auth: GEN_502")
    stack.closed.discard("auth")
    stack.start("user")
    until(lambda: seen().get("error") == "timeseries: GEN_502", "the end of the account")
    assert wanda.ask("auth", "GET", "/auth/profile").status_code == 401
    stack.closed.clear()
    until(lambda: seen()["status"] == "done", "the deletion")
    assert everything(database)["points"] == ""


def test_the_last_admin_cannot_be_deleted_while_members_remain(
    wanda: Wanda, stack: RunningServices, database: Database
) -> None:
    clinic, client = wanda.clinic, stack.client("user")
    path = f"/users/{clinic.admin_id}"
    assert code(client.delete(path, headers=clinic.admin)) == (409, "USER_002")
    for user in (wanda.id, clinic.ann_id):
        assert client.delete(f"/users/{user}", headers=clinic.admin).status_code == 202
    assert client.delete(path, headers=clinic.admin).status_code == 202
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.users WHERE deleted_at IS NULL")
        assert cursor.fetchone() == (0,)


def test_only_admins_and_the_person_can_delete_a_person(wanda: Wanda, stack: RunningServices) -> None:
    clinic, client = wanda.clinic, stack.client("user")
    assert code(wanda.ask("user", "DELETE", f"/users/{clinic.ann_id}")) == (403, "GEN_403")
    assert code(wanda.ask("user", "DELETE", "/users/999999999")) == (404, "USER_001")
    assert code(client.delete(f"/users/{wanda.id}")) == (401, "GEN_401")
    first = client.delete(f"/users/{wanda.id}", headers=clinic.admin)
    assert (first.status_code, first.get_json()["status"]) == (202, "running")
    assert code(client.delete(f"/users/{wanda.id}", headers=clinic.admin)) == (404, "USER_001")

"""DELETE /organization, and its job."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree

from heartguard_common.core.errors import ServiceCallError
from heartguard_common.jobs.engine import Job, JobRunner
from heartguard_common.jobs.erasures import Eraser, Erasure
from heartguard_common.jobs.job_store import PostgresJobs
from heartguard_common.stores.database import Database as Pool
from heartguard_organization.domain import STEPS
from heartguard_organization.store import PostgresOrganizations
from heartguard_organization.usecases import DELETION
from tests.clocks import MovableClock
from tests.people import found, join, owner
from tests.servers import Database, until
from tests.tokens import bearer, operator_auth

from .conftest import OtherServices

Auth = dict[str, dict[str, str]]
NAME = "O'Brien & <b>Söhne</b>"
JOB = "0198c1d2-0000-7000-8000-00000000000a"
ALL = ["/auth/erasures", "/users/erasures", "/timeseries/erasures", "/alarms/erasures", "/media/erasures"]


class Erasers:
    """Erasers within the process; `broken` ones refuse, `hold` makes them wait."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.broken: dict[str, BaseException] = {}
        self.reached = threading.Event()
        self.hold: threading.Event | None = None

    def erase(self, eraser: str) -> None:
        self.calls.append(eraser)
        self.reached.set()
        if self.hold is not None:
            assert self.hold.wait(20)
        if eraser in self.broken:
            raise self.broken[eraser]

    def runner(self, pool: Pool, clock: MovableClock) -> JobRunner:
        """A runner with these erasers, and with the real table for the last step."""
        erasers: dict[str, Eraser] = {
            step.eraser: lambda _org, _user, name=step.eraser: self.erase(name) for step in STEPS[:-1]
        }
        erasers["organization"] = lambda org_id, _: PostgresOrganizations(pool).end(org_id)
        return JobRunner(DELETION, PostgresJobs(pool), Erasure(STEPS, erasers, clock), lambda _: None, clock)


@pytest.fixture
def pool(database: Database) -> Iterator[Pool]:
    pool = Pool(database.url_for("organization"))
    yield pool
    pool.close()


def request(pool: Pool, clock: MovableClock, org_id: int, job: str = JOB) -> None:
    assert PostgresJobs(pool).request(Job(job, DELETION, org_id, "user:1", clock.now_ns()))[1]


def job(database: Database, number: str = JOB) -> tuple[str, int, str | None]:
    with owner(database) as cursor:
        cursor.execute("SELECT status, progress, error FROM heartguard_core.jobs WHERE id = %s", (number,))
        found: tuple[str, int, str | None] = cursor.fetchone()
        return found


def gone(database: Database, org_id: int) -> bool:
    with owner(database) as cursor:
        cursor.execute("SELECT deleted_at IS NOT NULL FROM heartguard_core.organizations WHERE id = %s", (org_id,))
        return bool(cursor.fetchone()[0])


def test_an_admin_can_delete_the_organization(
    client: FlaskClient,
    database: Database,
    other_services: OtherServices,
    org: int,
    auth: Auth,
    events: Callable[[], list[dict[str, Any]]],
) -> None:
    answer = client.delete("/organization", headers=auth["admin"], json={"name": NAME})
    assert answer.status_code == 202
    number = answer.get_json()["id"]
    assert answer.get_json() == {"id": number, "status": "queued", "progress": 0}
    until(lambda: len(events()) == 2, "the end of the organization")
    assert gone(database, org)
    assert job(database, number) == ("done", 100, None)
    assert other_services.calls == [(path, org) for path in ALL]
    assert other_services.callers == {"Basic organization"}
    assert other_services.request_ids == {number}
    asked, done = events()
    assert (asked["action"], asked["payload"]) == ("organization.delete", {"job": number})
    assert (done["action"], done["actor"], done["org_id"]) == ("organization.deleted", "service:organization", org)
    assert client.get("/organization", headers=auth["user"]).status_code == 404


def test_a_deletion_in_xml(client: FlaskClient, auth: Auth) -> None:
    body = "<OrganizationDelete><name>O'Brien &amp; &lt;b&gt;Söhne&lt;/b&gt;</name></OrganizationDelete>"
    headers = auth["admin"] | {"Accept": "text/xml", "Content-Type": "application/xml"}
    answer = client.delete("/organization", headers=headers, data=body.encode())
    assert answer.status_code == 202, answer.data
    assert etree.fromstring(answer.data).findtext("status") == "queued"


def test_a_deletion_with_another_name_is_refused(client: FlaskClient, database: Database, org: int, auth: Auth) -> None:
    answer = client.delete("/organization", headers=auth["admin"], json={"name": NAME.lower()})
    assert answer.status_code == 422
    error = answer.get_json()["error"]
    assert (error["code"], error["details"][0]["path"]) == ("ORG_002", "/name")
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.jobs")
        assert cursor.fetchone() == (0,)


def test_a_deletion_needs_a_body(client: FlaskClient, auth: Auth) -> None:
    assert client.delete("/organization", headers=auth["admin"]).status_code == 415
    assert client.delete("/organization", headers=auth["admin"], json={}).status_code == 422


def test_a_repeated_deletion_is_one_job(
    client: FlaskClient, other_services: OtherServices, auth: Auth, events: Callable[[], list[Any]]
) -> None:
    other_services.answers["/auth/erasures"] = 503
    first = client.delete("/organization", headers=auth["admin"], json={"name": NAME})
    second = client.delete("/organization", headers=auth["admin"], json={"name": NAME})
    assert second.status_code == 202
    assert second.get_json()["id"] == first.get_json()["id"]
    assert [event["action"] for event in events()] == ["organization.delete"]


def test_a_new_process_continues_a_deletion(
    start: Callable[[], Flask], database: Database, other_services: OtherServices, org: int
) -> None:
    with owner(database) as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.jobs (id, org_id, kind, status, progress, created_by)"
            " VALUES (%s, %s, 'organization.delete', 'running', 40, 'user:1')",
            (JOB, org),
        )
    start()
    until(lambda: gone(database, org), "the end of the organization")
    assert other_services.calls == [(path, org) for path in ALL[2:]]


def test_a_failed_step_is_tried_again_after_growing_pauses(database: Database, pool: Pool, org: int) -> None:
    clock, erasers = MovableClock(), Erasers()
    request(pool, clock, org)
    runner = erasers.runner(pool, clock)
    erasers.broken["timeseries"] = ServiceCallError()
    runner.run()
    assert erasers.calls == ["auth", "user", "timeseries"]
    assert job(database) == ("running", 40, "timeseries: GEN_502")
    assert not gone(database, org)
    runner.run()
    assert erasers.calls == ["auth", "user", "timeseries"], "it rests"
    clock.forward(2)
    runner.run()
    assert erasers.calls[3:] == ["timeseries"]
    erasers.broken.clear()
    clock.forward(300)
    runner.run()
    assert erasers.calls[4:] == ["timeseries", "alarm", "media"]
    assert job(database) == ("done", 100, None)
    assert gone(database, org)


def test_two_workers_never_run_the_same_step(database: Database, pool: Pool, org: int) -> None:
    clock, slow, idle = MovableClock(), Erasers(), Erasers()
    request(pool, clock, org)
    slow.hold = threading.Event()
    first = threading.Thread(target=slow.runner(pool, clock).run)
    first.start()
    assert slow.reached.wait(20)
    second_pool = Pool(database.url_for("organization"))
    idle.runner(second_pool, clock).run()
    second_pool.close()
    assert idle.calls == []
    slow.hold.set()
    first.join()
    assert slow.calls == ["auth", "user", "timeseries", "alarm", "media"]
    assert gone(database, org)


def test_a_worker_that_dies_in_a_step_leaves_the_step_due(database: Database, pool: Pool, org: int) -> None:
    clock, dying, erasers = MovableClock(), Erasers(), Erasers()
    request(pool, clock, org)
    dying.broken["user"] = SystemExit()
    with pytest.raises(SystemExit):
        dying.runner(pool, clock).run()
    assert job(database) == ("running", 20, None)
    erasers.runner(pool, clock).run()
    assert erasers.calls == ["user", "timeseries", "alarm", "media"]


def test_a_permanent_refusal_fails_the_job_and_it_can_be_requested_again(
    client: FlaskClient,
    database: Database,
    other_services: OtherServices,
    auth: Auth,
    org: int,
    events: Callable[[], list[dict[str, Any]]],
) -> None:
    other_services.answers["/timeseries/erasures"] = 422
    answer = client.delete("/organization", headers=auth["admin"], json={"name": NAME})
    number = answer.get_json()["id"]
    until(lambda: len(events()) == 2, "the failure")
    assert job(database, number) == ("failed", 40, "timeseries: GEN_502")
    ended = events()[1]
    assert (ended["action"], ended["outcome"], ended["reason"]) == (
        "organization.deleted",
        "failure",
        "timeseries: GEN_502",
    )
    shown = client.get(answer.headers["Location"], headers=operator_auth())
    assert shown.get_json() == {"id": number, "status": "failed", "progress": 40, "error": "timeseries: GEN_502"}
    assert not gone(database, org)
    other_services.answers.clear()
    again = client.delete("/organization", headers=auth["admin"], json={"name": NAME})
    assert again.get_json()["id"] != number
    until(lambda: gone(database, org), "the end of the organization")


def test_only_admins_of_the_organization_and_the_operator_see_a_deletion(
    client: FlaskClient, database: Database, other_services: OtherServices, auth: Auth
) -> None:
    other_services.answers["/auth/erasures"] = 503
    answer = client.delete("/organization", headers=auth["admin"], json={"name": NAME})
    place = answer.headers["Location"]
    assert place == f"/organization/deletions/{answer.get_json()['id']}"
    other = found(database, "Other")
    stranger = bearer(join(database, other, "admin"), "admin", other)
    seen = [client.get(place, headers=auth[role]).status_code for role in ("admin", "manager", "user")]
    assert seen == [200, 403, 403]
    refused = client.get(place, headers=stranger)
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (404, "ORG_004")
    root = etree.fromstring(client.get(place, headers=auth["admin"] | {"Accept": "application/xml"}).data)
    assert (root.tag, root.findtext("id")) == ("Job", answer.get_json()["id"])

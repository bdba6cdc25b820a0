"""What was begun before a deletion and ends after it is refused, and leaves nothing: every route, at both entries."""

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from werkzeug.test import TestResponse

from heartguard_common.audit.events import FIELD, STREAM
from heartguard_common.core.registry import SERVICES
from heartguard_common.identity import policy
from tests.people import owner
from tests.running_services import RunningServices, running_services
from tests.servers import Database, Valkey, until
from tests.service.gateway.stack import GunicornProcess
from tests.service.gateway.stack import environ as gateway_environ
from tests.service.user.delayed_requests import CASES, NOT_HELD, READS, Case, Held, Subject
from tests.service.user.test_personal_data import ALL, everything
from tests.tokens import operator_auth

# A task notes in organization_states when it looked at the use of limits, another in alarm_running_times that alarms
# are evaluated; stream_batches has what is not published yet.
HISTORY = (
    "audit_outbox",
    "audit_events",
    "audit_heads",
    "audit_checkpoints",
    "organization_states",
    "alarm_running_times",
    "stream_batches",
)


@dataclass(frozen=True)
class Stack:
    """What runs: the services, their database, and the URL of each entry point."""

    services: RunningServices
    database: Database
    urls: dict[str, str]


@pytest.fixture(scope="module")
def stack(module_database: Database, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Six services, each with an entry point of its own, and a gateway before them."""
    scratch = tmp_path_factory.mktemp("gateway")
    with valkey.client() as client:
        client.flushall()
    with running_services(module_database, valkey.url, *ALL) as running:
        variables = {name: SERVICES[name].url for name in ALL}
        urls = {variable: running.environ[variable] for variable in variables.values()}
        settings = gateway_environ(valkey.url, "", scratch / "spool", RATE_LIMIT="100000/min", **urls)
        gateway = GunicornProcess(settings, scratch / "gateway.log", workers=1)
        with gateway.running():
            entries = {name: urls[variable] for name, variable in variables.items()}
            yield Stack(running, module_database, {**entries, "gateway": f"http://127.0.0.1:{gateway.port}"})


@pytest.fixture
def links() -> Iterator[ExitStack]:
    """What closes the connections of requests that nobody has ended."""
    with ExitStack() as exit_stack:
        yield exit_stack


def writing_routes() -> dict[str, policy.RouteRule]:
    """The rules of policy.toml that are no GET and no service answers by itself."""
    return {rule.id: rule for rule in policy.load().rules if rule.method != "GET" and rule.upstream != "gateway"}


def kept(stack: Stack) -> dict[str, str]:
    """Every row of every table but those of history, the name of every file, and the events that people reported.

    What services and the gateway say of a refused request is history too.
    """
    rows = everything(stack.database)
    with redis.Redis.from_url(stack.services.redis_url, decode_responses=True) as client:
        sent = [entry[FIELD] for _, entry in client.xrange(STREAM)]
    waiting = [json.loads(line)["event"] for line in rows["audit_outbox"].splitlines()]
    assert not rows["audit_events"], "nobody consumes here"
    files = Path(stack.services.environ["MEDIA_DIR"]).rglob("*")
    return {name: text for name, text in rows.items() if name not in HISTORY} | {
        # Their jobs look for the bytes again and again.
        "imports": re.sub(r'"(due_at|updated_at|status)":"[^"]*"', "", "\n".join(sorted(rows["imports"].splitlines()))),
        "files": "\n".join(sorted(str(path) for path in files if path.is_file())),
        "reported": "\n".join(line for line in (*waiting, *sent) if json.loads(line)["kind"] == "reported"),
    }


def ended(services: RunningServices, service: str, asked: TestResponse) -> None:
    """Wait until a deletion is done."""
    assert asked.status_code == 202, asked.data
    place = asked.headers["Location"]

    def status() -> str:
        return str(services.client(service).get(place, headers=operator_auth()).get_json()["status"])

    until(lambda: status() == "done", f"the deletion by the {service} service")


def entries(name: str) -> tuple[str, str]:
    """Where the request of a case may enter: at its service, and at the gateway."""
    return writing_routes()[name.partition(" ")[0]].upstream, "gateway"


def hold(stack: Stack, links: ExitStack, name: str, subject: Subject, entry: str) -> Held:
    """The request of a case, but for its last byte."""
    rule = writing_routes()[name.partition(" ")[0]]
    request = Held(stack.urls[entry], CASES[name](subject).bytes_of(rule.method, subject.who))
    links.callback(request.close)
    return request


def test_every_writing_route_has_a_case() -> None:
    assert set(writing_routes()) == {name.partition(" ")[0] for name in CASES} | set(NOT_HELD)


def test_a_write_that_began_before_a_deletion_stores_nothing_after_it(stack: Stack, links: ExitStack) -> None:
    person, organization = Subject(stack.services, "person"), Subject(stack.services, "organization")
    held = {
        (subject.name, name, entry): hold(stack, links, name, subject, entry)
        for subject in (person, organization)
        for name in CASES
        for entry in entries(name)
    }
    last = time.monotonic()
    asked = stack.services.client("user").delete(f"/users/{person.id}", headers=person.root)
    ended(stack.services, "user", asked)
    named = {"name": organization.name}
    asked = stack.services.client("organization").delete("/organization", headers=organization.root, json=named)
    ended(stack.services, "organization", asked)

    before = kept(stack)
    assert f"org_{organization.org}/" not in before["files"]
    assert f"user_{person.id}/" not in before["files"]
    time.sleep(max(0.0, last + 2.1 - time.monotonic()))  # a request that only reads is judged by its token alone
    with ThreadPoolExecutor(16) as threads:
        answers = dict(zip(held, threads.map(Held.end, held.values()), strict=True))
    silent = {"auth.password_forgot": 202, "auth.email_code": 202}
    assert {key: status for key, status in answers.items() if status < 400 and silent.get(key[1]) != status} == {}
    assert {key: status for key, status in answers.items() if status >= 500} == {}
    assert kept(stack) == before


MARKS = {
    "deleted": "UPDATE heartguard_core.users SET deleted_at = now() WHERE id = {person}",
    "closed": "UPDATE heartguard_core.organizations SET closed_at = now() WHERE id = {org}",
    "demoted": "UPDATE heartguard_core.users SET role = 'user' WHERE id = {person}",
    "suspended": "UPDATE heartguard_core.users SET active = false WHERE id = {person}",
    "logged out": "INSERT INTO heartguard_core.revoked_tokens (kind, value, reason, revoked_at, expires_at)"
    " VALUES ('sid', '{session}', 'test', now(), now() + interval '1 day')",
}
"""What only the database knows: Redis says that the token is good, and the service has just asked it."""
NEVER_STORE = {*READS, "auth.logout", "auth.session_end", "auth.password_forgot"}
NEVER_STORE |= {"auth.end_all_sessions", "auth.email_code"}
# These count by themselves, whatever becomes of a token: password, code, refresh token, signed URL, a service's secret.
OF_SERVICES = {"media.keep_archive", "media.announce_import", "auth.send_alarm_email"}
WITHOUT_TOKEN = {"auth.login", "auth.refresh", "auth.password_reset", "media.receive"} | OF_SERVICES
STILL_COUNT = {
    # The erasure that follows ends these in the rows that they lock; and a second request gets the same job.
    "closed": {"auth.login", "auth.refresh", "organization.delete", "auth.delete_identity"},
    # A device key is no session, and writes its owner's points whatever their role.
    "demoted": WITHOUT_TOKEN | {"timeseries.write by key"},
    "logged out": WITHOUT_TOKEN | {"auth.register invited", "auth.accept_invitation", "timeseries.write by key"},
    "suspended": {"media.receive"} | OF_SERVICES,
}


@pytest.mark.parametrize("mark", MARKS)
def test_a_write_checks_the_caller_in_its_transaction(stack: Stack, mark: str) -> None:
    subject = Subject(stack.services, mark.replace(" ", "-"))
    with owner(stack.database) as cursor:
        cursor.execute(MARKS[mark].format(person=subject.id, org=subject.org, session=subject.session))
    before = kept(stack)
    answers = {}
    for name in sorted(set(CASES) - NEVER_STORE - STILL_COUNT.get(mark, set())):
        with ExitStack() as links:
            answers[name] = hold(stack, links, name, subject, entries(name)[0]).end()
    assert {name: status for name, status in answers.items() if not 400 <= status < 500} == {}
    assert kept(stack) == before


def test_an_admins_report_is_stored_while_she_is_an_admin(stack: Stack) -> None:
    subject = Subject(stack.services, "reporter")
    with ExitStack() as links:
        assert hold(stack, links, "audit.record", subject, "audit").end() == 201
    (event,) = [
        it for line in kept(stack)["reported"].splitlines() if (it := json.loads(line))["org_id"] == subject.org
    ]
    assert (event["actor"], event["action"]) == (f"user:{subject.id}", "portal.opened")


@pytest.mark.parametrize("how", ["put down", "logged out"])
def test_a_demoted_or_logged_out_admin_cannot_promote_or_report(stack: Stack, links: ExitStack, how: str) -> None:
    subject = Subject(stack.services, "late-" + how.replace(" ", "-"))
    # Who is an admin already is not raised by this.
    raising = Case(f"/users/{subject.id if how == 'put down' else subject.ann_id}", {"role": "admin"})
    requests = {
        "auth": ("POST", CASES["auth.register"](subject)),
        "user": ("PATCH", raising),
        "audit": ("POST", CASES["audit.record"](subject)),
    }
    held = []
    for service, (method, case) in requests.items():
        for entry in (service, "gateway"):
            held.append(Held(stack.urls[entry], case.bytes_of(method, subject.who)))
            links.callback(held[-1].close)
    before = kept(stack)["reported"]
    if how == "put down":
        users = stack.services.client("user")
        ended = users.patch(f"/users/{subject.id}", json={"role": "manager"}, headers=subject.root)
    else:
        ended = stack.services.client("auth").delete(f"/auth/sessions/{subject.session}", headers=subject.who)
    assert ended.status_code in (200, 204), ended.data
    assert [request.end() for request in held] == [401] * 6
    assert kept(stack)["reported"] == before
    with owner(stack.database) as cursor:
        admins = "SELECT count(*) FROM heartguard_core.users WHERE org_id = %s AND role = 'admin'"
        cursor.execute(admins, (subject.org,))
        assert cursor.fetchone() == (1 if how == "put down" else 2,)

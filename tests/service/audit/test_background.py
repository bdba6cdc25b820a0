"""One view of what runs: the tasks of all processes of a service, the consumer's too, and the queues."""

import os
import signal
import socket

from heartguard_audit.settings import Settings
from heartguard_audit.wiring import create_app
from heartguard_common.core.lifecycle import LIFECYCLE
from tests.servers import until
from tests.service.audit.test_consumer import Process
from tests.tokens import operator_auth


def work(client):
    answer = client.get("/audit/background", headers=operator_auth())
    assert answer.status_code == 200, answer.data
    return answer.json


def test_the_consumer_is_seen_beside_the_service_until_it_ends(client, environ):
    consumer = Process(environ | {"AUDIT_RETENTION_DAYS": "30"})
    consumer.start()
    try:
        until(lambda: "consumer" in {task["name"] for task in work(client)["tasks"]}, "the report of the consumer")
        seen = work(client)
        own = f"{socket.gethostname()}:{os.getpid()}"
        by_process = {own: set(), "other": set()}
        for task in seen["tasks"]:
            by_process[own if task["process"] == own else "other"].add((task["name"], task["kind"]))
        assert by_process == {
            own: {(name, "periodic") for name in ("api-key-uses", "audit-spool", "revocations", "reports")},
            "other": {
                ("consumer", "queue"),
                *((name, "periodic") for name in ("audit-retention", "dead-letters", "reports")),
            },
        }
        assert seen["complete"]
        assert {queue["name"] for queue in seen["queues"]} == {"events", "spools", "checkpoints", "retention"}
        assert 'heartguard_background_failing{service="audit",task="consumer"} 0.0' in client.get("/audit/metrics").text
    finally:
        assert consumer.end(signal.SIGTERM) == 0
    assert {task["process"] for task in work(client)["tasks"]} == {own}


def test_without_redis_it_shows_its_own_tasks_and_says_that_others_are_missing(environ, valkey_server):
    app = create_app(Settings.from_env(environ | {"REDIS_URL": valkey_server.url}))
    client = app.test_client()
    until(lambda: work(client)["complete"], "the first report")
    valkey_server.kill()
    found = work(client)
    assert not found["complete"]
    assert {task["name"] for task in found["tasks"]} >= {"audit-spool", "reports"}
    app.extensions[LIFECYCLE].close()

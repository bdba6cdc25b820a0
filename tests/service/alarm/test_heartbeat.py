"""A monitor outside hears of the service only while it evaluates points."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from heartguard_alarm.settings import Settings
from heartguard_alarm.store.heartbeat import Heartbeat
from heartguard_common.core.lifecycle import NotReadyError
from heartguard_common.core.settings import SettingsError
from tests.people import found, owner
from tests.running_services import running_services
from tests.servers import Database, until
from tests.tokens import settings_environ


class Monitor(ThreadingHTTPServer):
    """Remembers which paths it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200
        monitor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                monitor.asked.append(self.path)
                self.send_response(monitor.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Write no log."""

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/ping/secret"


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    server = Monitor()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_monitor_is_asked_only_while_all_is_well(monitor: Monitor) -> None:
    well = [True, False, True]
    heartbeat = Heartbeat(monitor.url, lambda: well.pop(0))
    assert (heartbeat.beat(), monitor.asked) == (60.0, ["/ping/secret"])
    assert (heartbeat.beat(), len(monitor.asked)) == (5.0, 1)
    monitor.status = 500
    with pytest.raises(NotReadyError) as failed:
        heartbeat.beat()
    assert "secret" not in str(failed.value)


def test_a_service_that_evaluates_asks_and_one_that_is_behind_does_not(
    database: Database, redis_url: str, monitor: Monitor
) -> None:
    with owner(database) as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.changed_ranges (org_id, user_id, measurement, first_ns, last_ns, ready_at,"
            " claimed_until) VALUES (%s, 1, 'm', 0, 0, now() - interval '2 minutes', now() + interval '1 hour')",
            (found(database),),
        )
    with running_services(database, redis_url, "influx", "alarm", HEARTBEAT_URL=monitor.url) as stack:
        until(
            lambda: 'queue_oldest_seconds{queue="changes",service="alarm"} 1' in metrics(stack), "the age of the change"
        )
        assert monitor.asked == []
        with owner(database) as cursor:
            cursor.execute("DELETE FROM heartguard_core.changed_ranges")
        until(lambda: monitor.asked == ["/ping/secret"], "the heartbeat")


def metrics(stack: Any) -> str:
    return str(stack.client("alarm").get("/alarms/metrics").text)


def test_a_url_that_is_none_is_refused_without_being_quoted(database: Database, redis_url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(settings_environ("alarm", database, redis_url, HEARTBEAT_URL="ftp://secret"))
    assert "HEARTBEAT_URL" in str(refused.value)
    assert "secret" not in str(refused.value)

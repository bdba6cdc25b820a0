"""The alert rules: each fires and stays silent when it should, and the operations guide says what to do about it."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from heartguard_common.core.paths import REPO_ROOT

PROMETHEUS = REPO_ROOT / "deploy" / "prometheus"
RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}
GUIDE = (REPO_ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"^### (\w+)\n\n(.*?)(?=^##)", re.MULTILINE | re.DOTALL)
# Debian: apt install prometheus. Nothing else here needs it, so a machine without it skips these tests.
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")


@dataclass(frozen=True)
class Case:
    """Series (a value for each minute, in promtool's notation) with which an alert fires, and those with which not.

    `summary` is what it says then, with the labels `labels`.
    """

    fires: dict[str, str]
    silent: dict[str, str]
    summary: str
    labels: dict[str, str]
    minutes: int = 60


def case(fires: dict[str, str], silent: dict[str, str], summary: str, minutes: int = 60, **labels: str) -> Case:
    return Case(fires, silent, summary, labels, minutes)


GATEWAY = 'heartguard_requests_total{service="gateway",status="200"}'
ERRORS = 'heartguard_errors_total{service="gateway",route="user.read_self"}'
BUCKET = 'heartguard_request_seconds_bucket{service="gateway",route="a",le="%s"}'
READY = 'heartguard_dependency_ready{service="%s",dependency="%s"}'
DISK = 'heartguard_disk_%s_bytes{service="%s",directory="spool"}'
INFLUXDB = 'heartguard_influxdb_failures_total{kind="%s"}'
SUCCESS = "heartguard_backup_success_time_seconds"
HOUR = 60

CASES = {
    "Watchdog": case({}, {}, "Always fires: whoever receives alerts should notice when this one stops to arrive"),
    "ServiceDown": case(
        {'up{job="media",instance="media:5004"}': "1 0x60"},
        {'up{job="media",instance="media:5004"}': "1x57 0 1x10"},
        "media does not answer to Prometheus",
        job="media",
        instance="media:5004",
    ),
    "ServiceNotReady": case(
        {'heartguard_service_ready{upstream="user"}': "0x60", 'heartguard_service_ready{upstream="auth"}': "1x60"},
        {'heartguard_service_ready{upstream="user"}': "1x60"},
        "The gateway finds that user is not ready",
        upstream="user",
    ),
    "DependencyDown": case(
        {READY % ("user", "postgresql"): "0x60", READY % ("user", "redis"): "1x60"},
        {READY % ("user", "postgresql"): "1x60"},
        "user gets no answer from postgresql",
        service="user",
        dependency="postgresql",
    ),
    "GatewayErrors": case(
        {GATEWAY: "0+100x60", ERRORS: "0+2x60"},
        {GATEWAY: "0+1000x60", ERRORS: "0+2x60"},
        "More than 1% of all requests are answered with 5xx",
    ),
    "GatewaySlow": case(
        {BUCKET % "1.0": "0+90x60", BUCKET % "2.5": "0+100x60", BUCKET % "+Inf": "0+100x60"},
        {BUCKET % "1.0": "0+100x60", BUCKET % "2.5": "0+100x60", BUCKET % "+Inf": "0+100x60"},
        "One request in a hundred takes more than a second",
    ),
    "BreakerOpen": case(
        {'heartguard_gateway_breaker_open{upstream="media"}': "1x60"},
        {'heartguard_gateway_breaker_open{upstream="media"}': "0x60"},
        "The circuit breaker of media is open",
        upstream="media",
    ),
    "Overloaded": case(
        {'heartguard_lane_refused_total{service="influx",lane="work"}': "0+30x60"},
        {'heartguard_lane_refused_total{service="influx",lane="work"}': "0+1x60"},
        "influx refuses expensive requests: its lane work is full",
        service="influx",
        lane="work",
    ),
    "WithoutRedis": case(
        {'heartguard_gateway_redis_fallbacks_total{what="limits"}': "0+30x60"},
        {'heartguard_gateway_redis_fallbacks_total{what="limits"}': "0+1x60"},
        "The gateway works without Redis: limits",
        what="limits",
    ),
    "DatabasePoolShort": case(
        {'heartguard_database_pool_timeouts_total{service="user"}': "0+1x60"},
        {'heartguard_database_pool_timeouts_total{service="user"}': "0x60"},
        "Requests to user find no free connection to PostgreSQL",
        service="user",
    ),
    "LockWaits": case(
        {'heartguard_database_lock_seconds{service="user"}': "45x60"},
        {'heartguard_database_lock_seconds{service="user"}': "0 45 0 0 45 0 0x60"},
        "A statement of user has waited 45s for a lock",
        service="user",
    ),
    "LongTransaction": case(
        {'heartguard_database_transaction_seconds{service="media"}': "0+60x60"},
        {'heartguard_database_transaction_seconds{service="media"}': "2x60"},
        "A transaction of media has been open for 1h 0m 0s",
        service="media",
    ),
    "SlowStatements": case(
        {'heartguard_slow_statements_total{service="influx"}': "0+6x60"},
        {'heartguard_slow_statements_total{service="influx"}': "0x30 1x30"},
        "Statements of influx take longer than a second, again and again",
        service="influx",
    ),
    "PostgresConnections": case(
        {"heartguard_postgres_connections": "72x60", "heartguard_postgres_connections_limit": "80x60"},
        {"heartguard_postgres_connections": "40x60", "heartguard_postgres_connections_limit": "80x60"},
        "PostgreSQL has 90% of the connections that it accepts",
    ),
    "PostgresFreeze": case(
        {"heartguard_postgres_transaction_age": "1200000000x120"},
        {"heartguard_postgres_transaction_age": "190000000x120"},
        "PostgreSQL does not freeze old rows: after two billion transactions it stops to write",
        2 * HOUR,
    ),
    "RedisMemory": case(
        {"heartguard_redis_memory_bytes": "95x60", "heartguard_redis_memory_limit_bytes": "100x60"},
        {"heartguard_redis_memory_bytes": "95x60"},
        "Redis uses 95% of the memory that it may use",
    ),
    "RedisNotDurable": case(
        {"heartguard_redis_durable": "0x60"},
        {"heartguard_redis_durable": "1x60"},
        "Redis can't write to its disk: what it holds is lost when it ends",
    ),
    "DiskLow": case(
        {DISK % ("free", "user"): "10x60", DISK % ("size", "user"): "100x60"},
        {DISK % ("free", "user"): "20x60", DISK % ("size", "user"): "100x60"},
        "The disk of the directory spool has 10% left",
        directory="spool",
    ),
    "DiskFull": case(
        {DISK % ("free", "user"): "4x60", DISK % ("size", "user"): "100x60"},
        {DISK % ("free", "user"): "10x60", DISK % ("size", "user"): "100x60"},
        "The disk of the directory spool has 4% left",
        directory="spool",
    ),
    "FilesNearLimit": case(
        {
            'heartguard_open_files{service="gateway"}': "90x60",
            'heartguard_open_files_limit{service="gateway"}': "100x60",
        },
        {
            'heartguard_open_files{service="gateway"}': "50x60",
            'heartguard_open_files_limit{service="gateway"}': "100x60",
        },
        "A process of gateway has opened 90% of the files that it may open",
        service="gateway",
    ),
    "BackupFailed": case(
        {"heartguard_backup_failed": "1x60"}, {"heartguard_backup_failed": "0x60"}, "The backup command failed last"
    ),
    "BackupOld": case(
        {SUCCESS: "0x1900"},
        {SUCCESS: "0x1440 86400x600"},
        "The newest complete backup is 1d 7h 0m 0s old",
        31 * HOUR,
    ),
    "BackupMissing": case({}, {SUCCESS: "0x1500"}, "There is no backup", 25 * HOUR),
    "AuditBacklog": case(
        {"heartguard_audit_waiting": "20000x60"},
        {"heartguard_audit_waiting": "0 20000 0x60"},
        "Audit events wait: the consumer is unavailable or too slow",
    ),
    "DeadLetters": case(
        {'heartguard_dead_letters{service="auth",queue="mail"}': "3x60"},
        {'heartguard_dead_letters{service="auth",queue="mail"}': "0x60"},
        "3 items of auth's queue mail have failed for good, and wait for the operator",
        service="auth",
        queue="mail",
    ),
    "QueueOld": case(
        {'heartguard_queue_oldest_seconds{service="auth",queue="mail"}': "4000x60"},
        {'heartguard_queue_oldest_seconds{service="auth",queue="mail"}': "30x60"},
        "An item of auth's queue mail has waited for an hour",
        service="auth",
        queue="mail",
    ),
    "AlarmsBehind": case(
        {'heartguard_queue_oldest_seconds{service="alarm",queue="changes"}': "300x60"},
        {'heartguard_queue_oldest_seconds{service="alarm",queue="changes"}': "3x30 90 3x30"},
        "Points have waited for 5m 0s to be evaluated: alarms are late",
    ),
    "AlarmMessagesLate": case(
        {'heartguard_queue_oldest_seconds{service="alarm",queue="messages"}': "600x60"},
        {'heartguard_queue_oldest_seconds{service="alarm",queue="messages"}': "3x30 240 3x30"},
        "Messages about alarms have waited for 10m 0s (messages)",
        queue="messages",
    ),
    "BackgroundFailing": case(
        {'heartguard_background_failing{service="user",task="exports"}': "9x60"},
        {'heartguard_background_failing{service="user",task="exports"}': "1x60"},
        "The background task exports of user fails again and again",
        service="user",
        task="exports",
    ),
    "ManyRefusals": case(
        {'heartguard_refusals_total{service="auth",code="AUTH_001"}': "0+120x60"},
        {'heartguard_refusals_total{service="auth",code="AUTH_001"}': "0+10x60"},
        "Many logins are refused with AUTH_001: someone may be guessing passwords",
        code="AUTH_001",
    ),
    "TokensReused": case(
        {'heartguard_auth_attempts_total{kind="refresh",result="AUTH_003"}': "0+10x60"},
        {'heartguard_auth_attempts_total{kind="refresh",result="AUTH_003"}': "0+1x60"},
        "Many refresh tokens are refused: used twice, ended or invented",
    ),
    "LimitUsedUp": case(
        {'heartguard_limit_refusals_total{limit="points_per_day"}': "0+30x60"},
        {'heartguard_limit_refusals_total{limit="points_per_day"}': "0+1x60"},
        "The limit points_per_day refuses: docs/limits.md says how to free it",
        limit="points_per_day",
    ),
    "StreamsReset": case(
        {'heartguard_stream_events_total{what="reset"}': "0+120x60"},
        {'heartguard_stream_events_total{what="reset"}': "0+30x60"},
        "2 live streams a second are told that events are missing",
    ),
    "StreamReadersCut": case(
        {'heartguard_stream_events_total{what="ended_slow"}': "0+30x60"},
        {'heartguard_stream_events_total{what="ended_slow"}': "0+1x60"},
        "Clients of live streams read too slowly and are cut off",
    ),
    "PointsRejected": case(
        {
            'heartguard_points_total{verdict="rejected"}': "0+20x120",
            'heartguard_points_total{verdict="created"}': "0+80x120",
        },
        {
            'heartguard_points_total{verdict="rejected"}': "0+1x120",
            'heartguard_points_total{verdict="created"}': "0+80x120",
        },
        "20% of all points are rejected",
        2 * HOUR,
    ),
    "InfluxdbRefuses": case(
        {INFLUXDB % "refused": "0+1x60"},
        {INFLUXDB % "refused": "0x60"},
        "InfluxDB does not accept INFLUX_TOKEN or INFLUX_ORG: points are neither stored nor read",
    ),
    "InfluxdbErasureFailed": case(
        {INFLUXDB % "erasure": "0x30 1x30"},
        {INFLUXDB % "erasure": "0x60"},
        "InfluxDB acknowledged a deletion of a person or bucket, and points are still there",
    ),
    "InfluxdbAnswersCut": case(
        {INFLUXDB % "cut": "0x50 1x10"},
        {INFLUXDB % "cut": "0x60"},
        "An answer of InfluxDB was ended, because it took more than 20 s or was too large",
    ),
    "InfluxdbUnconfirmedWrites": case(
        {INFLUXDB % "unconfirmed": "0+30x60"},
        {INFLUXDB % "unconfirmed": "0x30 1x30"},
        "InfluxDB does not confirm writes: clients get 5xx and have to send them again",
    ),
}


def test_each_alert_has_cases_and_says_how_urgent_it_is() -> None:
    assert list(RULES) == list(CASES)
    assert {name: rule["labels"]["severity"] for name, rule in RULES.items() if name == "Watchdog"} == {
        "Watchdog": "none"
    }
    assert {rule["labels"]["severity"] for name, rule in RULES.items() if name != "Watchdog"} == {"page", "ticket"}


def test_the_guide_has_an_entry_for_each_alert_with_what_to_look_at_and_to_do() -> None:
    entries = dict(ENTRY.findall(GUIDE.partition("\n## Alerts\n")[2].partition("\n## ")[0] + "\n## "))
    assert list(entries) == list(RULES)
    for name, rule in RULES.items():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
        means, look, do = re.fullmatch(r"(.+?)\n\n- Look: (.+?)\n- Do: (.+?)\n*", entries[name], re.DOTALL).groups()
        assert len(means) > 25, name
        assert "`" in look, f"{name}: no command or metric to look at"
        assert len(do) > 20, name


@needs_promtool
@pytest.mark.parametrize("kind", ["fires", "silent"])
def test_alerts_fire_and_stay_silent(kind: str, tmp_path: Path) -> None:
    tests = [
        _promtool_test(name, it, fires=kind == "fires") for name, it in CASES.items() if kind == "fires" or it.silent
    ]
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(PROMETHEUS / "alerts.yml")], "tests": tests}))
    done = subprocess.run([str(PROMTOOL), "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _promtool_test(name: str, it: Case, *, fires: bool) -> dict[str, object]:
    rule = RULES[name]
    annotations = {"summary": it.summary, "runbook": rule["annotations"]["runbook"]}
    expected = {"exp_labels": {"severity": rule["labels"]["severity"], **it.labels}, "exp_annotations": annotations}
    return {
        "name": name,
        "interval": "1m",
        "input_series": [
            {"series": series, "values": values} for series, values in (it.fires if fires else it.silent).items()
        ],
        "alert_rule_test": [
            {"eval_time": f"{it.minutes}m", "alertname": name, "exp_alerts": [expected] if fires else []}
        ],
    }


@needs_promtool
@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus.native.yml"])
def test_prometheus_accepts_the_configuration(name: str) -> None:
    done = subprocess.run(
        [str(PROMTOOL), "check", "config", str(PROMETHEUS / name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""Alert rules and dashboards ask for metrics and labels that a real exposition has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from heartguard_audit.settings import Settings
from heartguard_audit.wiring import create_app
from heartguard_cli.environment import DEFAULT_PORTS
from heartguard_common.core.lifecycle import LIFECYCLE, Lifecycle
from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.core.registry import SERVICES
from tests.servers import Database, until
from tests.service.gateway.stack import GunicornProcess
from tests.tokens import settings_environ

DEPLOY = REPO_ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
RULES = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
# what Prometheus itself knows of every target
OF_PROMETHEUS = {"up": {"job", "instance"}}
SELECTOR = re.compile(r"\b(heartguard_\w+|up)\b(?:\{([^}]*)\})?")


def expressions() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{file.stem}: {panel['title']}", target["expr"]


def asked(expression: str) -> tuple[set[str], set[str]]:
    """The names of series that an expression selects, and all labels that it names."""
    names, labels = set(), set()
    for name, matchers in SELECTOR.findall(expression):
        names.add(name)
        labels |= set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", matchers))
    for grouping in re.findall(r"\bby \(([^)]*)\)", expression):
        labels |= {label.strip() for label in grouping.split(",")}
    return names, labels


def series(text: str) -> dict[str, set[str]]:
    return {
        sample.name: set(sample.labels) for family in text_string_to_metric_families(text) for sample in family.samples
    }


@pytest.fixture
def exposed(gateway: GunicornProcess, database: Database, redis_url: str, tmp_path: Path) -> dict[str, set[str]]:
    """Every series of a gateway that has answered, refused and failed, and of audit."""
    gateway.ask("GET", "/users/me", {})

    def shown() -> dict[str, set[str]]:
        return series(gateway.ask("GET", "/gateway/metrics").body.decode())

    until(lambda: {"heartguard_gateway_breaker_open", "heartguard_gateway_refusals_total"} <= set(shown()), "metrics")
    environ = settings_environ("audit", database, redis_url, SPOOL_DIR=str(tmp_path / "spool"))
    app = create_app(Settings.from_env(environ))
    try:
        text = app.test_client().get("/audit/metrics").get_data(as_text=True)
    finally:
        lifecycle: Lifecycle = app.extensions[LIFECYCLE]
        lifecycle.close()
    # counted with the first answer of 5xx, and the first refusal by a limit; the labels are those of Metrics
    counted = {"heartguard_errors_total": {"service", "route"}, "heartguard_limit_refusals_total": {"limit"}}
    # of an influx service with an InfluxDB: tests/service/influx/test_on_influxdb.py reads them
    counted["heartguard_influxdb_failures_total"] = {"kind"}
    return {**counted, **series(text), **shown(), **OF_PROMETHEUS}


def test_every_metric_and_label_that_is_asked_for_is_exposed(exposed: dict[str, set[str]]) -> None:
    found = list(expressions())
    assert len(found) > 15
    for where, expression in found:
        names, labels = asked(expression)
        assert names, where
        assert names <= set(exposed), where
        for name in names:
            assert labels <= exposed[name], (where, name)


def test_alert_labels_and_legends_are_kept_by_their_expression() -> None:
    printed = [(rule["expr"], rule["annotations"]["summary"], rule["alert"]) for rule in RULES]
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            printed += [(target["expr"], target["legendFormat"], panel["title"]) for target in panel["targets"]]
    for expression, text, where in printed:
        labels = set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", text))
        kept = {
            label.strip() for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in group.split(",")
        } or (OF_PROMETHEUS["up"] if expression.startswith("up ") else set())
        assert labels <= kept, where


def test_prometheus_scrapes_every_service_where_compose_runs_it() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert {
        job["job_name"]: (job["metrics_path"], job["static_configs"][0]["targets"]) for job in config["scrape_configs"]
    } == {name: (f"{SERVICES[name].prefix}/metrics", [f"{name}:{DEFAULT_PORTS[name]}"]) for name in SERVICES}
    assert [DEPLOY / "prometheus" / name for name in config["rule_files"]] == [DEPLOY / "prometheus" / "alerts.yml"]

"""Alert rules and dashboards ask for metrics and labels that a real exposition has."""

import json
import re
from collections.abc import Iterator
from importlib import import_module

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from heartguard_audit.store import system_metrics as system
from heartguard_cli.environment import DEFAULT_PORTS
from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.core.registry import SERVICES
from tests.servers import Database, Valkey, until
from tests.service.gateway.stack import GunicornProcess
from tests.tokens import settings_environ

DEPLOY = REPO_ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
RULES = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
# what Prometheus itself knows of every target
OF_PROMETHEUS = {"up": {"job", "instance"}}
NO_MAIL = "smtp://127.0.0.1:1?from=heartguard@example.org&starttls=no"
# What is counted with its first event only, or after a backup; other tests read these.
COUNTED_LATER = {
    "heartguard_errors_total": {"service", "route"},
    "heartguard_limit_refusals_total": {"limit"},
    "heartguard_request_bytes_total": {"service", "route"},
    "heartguard_auth_attempts_total": {"kind", "result"},
    "heartguard_influxdb_failures_total": {"kind"},
    "heartguard_gateway_redis_fallbacks_total": {"what"},
    "heartguard_gateway_upstream_events_total": {"upstream", "event"},
    "heartguard_gateway_cut_readers_total": {"why"},
    **{gauge.name: {"service"} for gauge in (system.REDIS_LIMIT, *system.BACKUP)},
}
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


@pytest.fixture(scope="module")
def exposed(
    gateway: GunicornProcess, module_database: Database, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, set[str]]:
    """Every series of a gateway that has answered, refused and failed, and of each service."""
    gateway.ask("GET", "/users/me", {})

    def shown() -> dict[str, set[str]]:
        return series(gateway.ask("GET", "/gateway/metrics").body.decode())

    until(lambda: {"heartguard_gateway_breaker_open", "heartguard_gateway_refusals_total"} <= set(shown()), "metrics")
    found = {**COUNTED_LATER, **shown(), **OF_PROMETHEUS}
    for name in [*SERVICES][1:]:
        spool = tmp_path_factory.mktemp("spool")
        environ = settings_environ(name, module_database, valkey.url, SPOOL_DIR=str(spool), SMTP_URL=NO_MAIL)
        settings = import_module(f"heartguard_{name}.settings").Settings.from_env(environ)
        app = import_module(f"heartguard_{name}.wiring").create_app(settings)
        try:
            app.test_client().get(f"{SERVICES[name].prefix}/nowhere")
            found |= series(app.test_client().get(f"{SERVICES[name].prefix}/metrics").get_data(as_text=True))
        finally:
            app.extensions[LIFECYCLE].close()
    return found


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

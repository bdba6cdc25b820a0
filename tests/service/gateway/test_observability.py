"""Alert rules and dashboards ask for metrics and labels that a real exposition has."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from heartguard_audit.store import system_metrics as system
from heartguard_cli.environment import DEFAULT_PORTS
from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.core.registry import SERVICES
from tests.servers import Database, Valkey, until
from tests.service.gateway.live import live_system
from tests.service.gateway.stack import GunicornProcess
from tests.tokens import settings_environ

DEPLOY = REPO_ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
BOARDS = {file.stem: json.loads(file.read_text()) for file in DASHBOARDS}
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
GUIDE = (REPO_ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(heartguard_\w+)` \| ([\w, -]+) \| (counter|gauge|histogram) \|", re.MULTILINE)
# what Prometheus itself knows of every target
OF_PROMETHEUS = {"up": {"job", "instance"}}
PROMTOOL = shutil.which("promtool")
NO_MAIL = "smtp://127.0.0.1:1?from=heartguard@example.org&starttls=no"
# What is counted with its first event only, or after a backup; other tests read these.
COUNTED_LATER = {
    "heartguard_errors_total": {"service", "route"},
    "heartguard_limit_refusals_total": {"limit"},
    "heartguard_request_bytes_total": {"service", "route"},
    "heartguard_influxdb_failures_total": {"kind"},
    "heartguard_gateway_redis_fallbacks_total": {"what"},
    "heartguard_gateway_upstream_events_total": {"upstream", "event"},
    "heartguard_gateway_cut_readers_total": {"why"},
    **{gauge.name: {"service"} for gauge in (system.REDIS_LIMIT, *system.BACKUP)},
}
SELECTOR = re.compile(r"\b(heartguard_\w+|up)\b(?:\{([^}]*)\})?")


def expressions() -> Iterator[tuple[str, str]]:
    """Where an expression stands, and the expression; those of the alert that needs no metric are left out."""
    for rule in RULES:
        if rule["alert"] != "Watchdog":
            yield rule["alert"], rule["expr"]
    for name, board in BOARDS.items():
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"]).groups()
                yield f"{name}: ${variable['name']}", f"count by ({label}) ({metric})"


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
    """Every series of a gateway that has answered, refused and failed, of each service, and of the stream process."""
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
    with live_system(module_database, valkey.url, tmp_path_factory.mktemp("live")) as live:
        of_streams = series(live.metrics())
    found |= {name: labels for name, labels in of_streams.items() if name.startswith("heartguard_stream")}
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
    for board in BOARDS.values():
        for panel in board["panels"]:
            printed += [(target["expr"], target["legendFormat"], panel["title"]) for target in panel["targets"]]
    for expression, text, where in printed:
        labels = set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", text))
        kept = {
            label.strip() for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in group.split(",")
        } or (OF_PROMETHEUS["up"] if expression.startswith("up ") else set())
        assert labels <= kept, where


def test_the_guide_lists_every_metric_with_its_labels(exposed: dict[str, set[str]]) -> None:
    shown = {
        re.sub(r"_bucket$", "", name): labels - {"le"}
        for name, labels in exposed.items()
        if not name.endswith(("_created", "_seconds_count", "_seconds_sum")) and name != "up"
    }
    listed = {name: set(labels.split(", ")) - {"-"} for name, labels, _ in ROW.findall(GUIDE)}
    assert listed == shown


def test_panels_say_what_they_show_and_in_which_unit(subtests: pytest.Subtests) -> None:
    for name, board in BOARDS.items():
        with subtests.test(name):
            assert {"stat", "timeseries"} == {panel["type"] for panel in board["panels"]}
            assert board["uid"] == f"heartguard-{name}"
            ids = [panel["id"] for panel in board["panels"]]
            assert len(set(ids)) == len(ids)
            for panel in board["panels"]:
                assert panel["description"].endswith("."), panel["title"]
                assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
                assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
                used = set(re.findall(r"\$(\w+)", " ".join(target["expr"] for target in panel["targets"])))
                assert used <= {variable["name"] for variable in board["templating"]["list"]}, panel["title"]


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_prometheus_understands_every_expression_of_a_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{place}", "expr": expr} for place, (_, expr) in enumerate(expressions())]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    done = subprocess.run([str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("native", [False, True])
def test_prometheus_scrapes_every_service_where_it_runs(native: bool) -> None:
    file = "prometheus.native.yml" if native else "prometheus.yml"
    config = yaml.safe_load((DEPLOY / "prometheus" / file).read_text())
    assert {
        job["job_name"]: (job["metrics_path"], job["static_configs"][0]["targets"]) for job in config["scrape_configs"]
    } == {
        name: (f"{SERVICES[name].prefix}/metrics", [f"{'127.0.0.1' if native else name}:{DEFAULT_PORTS[name]}"])
        for name in SERVICES
    } | {"stream": ("/gateway/metrics", [f"{'127.0.0.1' if native else 'stream'}:{DEFAULT_PORTS['stream']}"])}
    assert [DEPLOY / "prometheus" / name for name in config["rule_files"]] == [DEPLOY / "prometheus" / "alerts.yml"]

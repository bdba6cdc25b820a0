"""services.toml: the services that the plan names, in one place, which the written files agree with."""

import re
import tomllib
from dataclasses import fields
from importlib.util import find_spec

import pytest

from heartguard_common.core.paths import REPO_ROOT, SERVICES_FILE
from heartguard_common.core.registry import REGISTRY, SERVICES, Service, load, python_path
from heartguard_common.identity import policy
from heartguard_gateway.settings import Settings

PLAN = {
    "gateway": (5000, "/gateway"),
    "auth": (5001, "/auth"),
    "organization": (5002, "/organization"),
    "user": (5003, "/users"),
    "media": (5004, "/media"),
    "influx": (5005, "/timeseries"),
    "audit": (5006, "/audit"),
    "alarm": (5007, "/alarms"),
}


def test_the_services_of_the_plan_listen_where_it_says():
    assert {name: (service.port, service.prefix) for name, service in SERVICES.items()} == PLAN


def test_a_directory_is_a_service_the_library_or_the_command():
    found = {path.parent.name for path in (REPO_ROOT / "services").glob("*/src")}
    assert found == {*SERVICES, "common", "cli"}
    assert all(find_spec(service.package) for service in SERVICES.values())


def test_import_linter_checks_every_package():
    linter = tomllib.loads((REPO_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    packages = {service.package for service in SERVICES.values()}
    shared = {"heartguard_common", "heartguard_cli", "heartguard_client", "heartguard_importers"}
    assert set(linter["root_packages"]) == packages | shared
    (independent,) = [it["modules"] for it in linter["contracts"] if it["type"] == "independence"]
    assert set(independent) == packages


def test_example_settings_name_the_default_ports():
    text = (REPO_ROOT / ".env.example").read_text()
    written = {name.lower(): int(port) for name, port in re.findall(r"^([A-Z]+)_PORT=([0-9]+)$", text, re.MULTILINE)}
    assert written == REGISTRY.ports


def test_the_policy_leads_to_a_service_by_its_prefix():
    leads = {rule.path: rule.upstream for rule in policy.load().rules}
    assert {name: leads[f"{service.prefix}/ready"] for name, service in SERVICES.items()} == {it: it for it in SERVICES}


def test_the_gateway_has_a_url_for_every_service_behind_it():
    urls = {field.metadata["variable"] for field in fields(Settings) if field.name.endswith("_url")} - {"REDIS_URL"}
    assert urls == {service.url for name, service in SERVICES.items() if name != "gateway"}


def test_a_service_can_import_only_the_shared_library_and_its_own_package(tmp_path):
    expected = f"{tmp_path}/services/common/src:{tmp_path}/services/audit/src"
    assert python_path("audit", root=tmp_path) == expected


def test_gunicorn_gets_the_settings_of_the_registry():
    service = Service(
        name="x", port=1, prefix="/x", codes="X", depends=(), workers=3, threads=0, url="X_URL", gunicorn="y"
    )
    assert service.arguments("--bind", "z") == (
        *("--config", "python:y", "--workers", "3"),
        *("--no-control-socket", "--bind", "z", "app:app"),
    )


@pytest.mark.parametrize(("written", "spoiled"), [("prefix = ", "perfix = "), ('codes = "GW"\n', "")])
def test_a_key_that_is_misspelt_or_missing_is_refused(tmp_path, written, spoiled):
    text = SERVICES_FILE.read_text()
    assert written in text
    (tmp_path / "services.toml").write_text(text.replace(written, spoiled))
    with pytest.raises(TypeError):
        load(tmp_path / "services.toml")

"""docker-compose.yml and the Dockerfiles say what the services need, and nothing more.

No Docker engine is needed: the files are read as data and held against the settings, `.env.example` and each other.
"""

import importlib
import re

import pytest
import yaml

from heartguard_common.paths import REPO_ROOT
from heartguard_common.settings import variables

SERVICES = {
    "gateway": 5000,
    "auth": 5001,
    "organization": 5002,
    "user": 5003,
    "media": 5004,
    "influx": 5005,
    "audit": 5006,
}
TEXT = (REPO_ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)["services"]
DOCKERFILES = {path.parent.name: path.read_text() for path in (REPO_ROOT / "services").glob("*/Dockerfile")}
# Left to the image or to the default: no operator needs to choose them.
LEFT_OUT = {"GCS_BUCKET", "GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST", "HEARTGUARD_ENV"}


def settings_of(name):
    return set(variables(importlib.import_module(f"heartguard_{name}.settings").Settings))


def test_only_the_gateway_publishes_a_port():
    assert {name for name, service in COMPOSE.items() if "ports" in service} == {"gateway"}
    assert COMPOSE["gateway"]["ports"] == ["${GATEWAY_PORT:-5000}:5000"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_gets_exactly_what_its_settings_read(name):
    given = set(COMPOSE[name]["environment"]) - {"PROMETHEUS_MULTIPROC_DIR"}
    assert given - LEFT_OUT == settings_of(name) - LEFT_OUT


def test_every_variable_is_explained():
    explained = set(re.findall(r"^([A-Z][A-Z0-9_]*)=", (REPO_ROOT / ".env.example").read_text(), re.MULTILINE))
    used = set(re.findall(r"\$\{([A-Z0-9_]+)", TEXT))
    assert used - explained == set()


def test_the_consumer_is_the_audit_service_with_another_command():
    different = {key for key in COMPOSE["audit"] if COMPOSE["audit"].get(key) != COMPOSE["consumer"].get(key)}
    assert different == {"command", "healthcheck"}
    assert COMPOSE["consumer"]["command"] == ["python", "-m", "heartguard_audit.consumer"]


@pytest.mark.parametrize("name", sorted({*COMPOSE} - {"consumer", "migrate"}))
def test_every_server_has_a_health_check(name):
    assert COMPOSE[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", [*SERVICES, "consumer"])
def test_services_are_hardened_and_wait_for_what_they_need(name):
    service = COMPOSE[name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["depends_on"]["redis"]["condition"] == "service_healthy"
    if name != "gateway":
        assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_the_credentials_of_google_are_mounted_for_media_alone_and_read_only():
    mounted = [
        name for name, service in COMPOSE.items() if "GOOGLE_APPLICATION_CREDENTIALS" in str(service.get("volumes"))
    ]
    assert mounted == ["media"]
    line = next(volume for volume in COMPOSE["media"]["volumes"] if "GOOGLE" in volume)
    assert line.startswith("${GOOGLE_APPLICATION_CREDENTIALS:-/opt/heartguard/service-account.json}:")
    assert line.endswith(":ro")


def test_every_image_is_pinned():
    images = [service["image"] for service in COMPOSE.values() if "image" in service]
    images += [
        line.split()[1] for text in DOCKERFILES.values() for line in text.splitlines() if line.startswith("FROM ")
    ]
    assert all(re.fullmatch(r"[a-z/]+:[0-9][0-9a-z.\-]*", image) for image in images), images


@pytest.mark.parametrize("name", [*SERVICES, "cli"])
def test_a_dockerfile_installs_pins_and_runs_as_nobody_special(name):
    lines = DOCKERFILES[name].splitlines()
    assert f"RUN pip install --no-cache-dir --requirement services/{name}/requirements.txt" in lines
    assert lines.index("COPY constraints.txt ./") < lines.index(f"COPY services/{name}/src services/{name}/src")
    assert [line for line in lines if line.startswith("USER ")] == ["USER heartguard"]
    copied = [line.split()[1] for line in lines if line.startswith("COPY ")]
    assert [path for path in copied if not (REPO_ROOT / path).exists()] == []


@pytest.mark.parametrize("name", SERVICES)
def test_image_and_compose_run_the_same_command(name):
    command = DOCKERFILES[name].splitlines()[-1].removeprefix("CMD ")
    assert yaml.safe_load(command) == COMPOSE[name]["command"]
    assert f"0.0.0.0:{SERVICES[name]}" in COMPOSE[name]["command"]

"""docker-compose.yml and the Dockerfile say what the services need, and nothing more.

No Docker engine is needed: Docker Compose itself resolves the file and holds it against its published schema, hadolint
reads the Dockerfile, and both are compared with the settings, `.env.example` and each other.
"""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from heartguard_audit.settings import ConsumerSettings
from heartguard_cli import environment
from heartguard_cli.backup.settings import BackupSettings
from heartguard_common import __version__
from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.core.registry import REGISTRY, SERVICES
from heartguard_common.core.settings import variables
from heartguard_common.runtime import serve
from heartguard_gateway.settings import StreamSettings
from tests.images import DOCKERFILE, command, image_text

TEXT = (REPO_ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)["services"]
BUILD = {"context": ".", "dockerfile": "services/Dockerfile"}
TRACES = {"TRACES": "${OTEL_EXPORTER_OTLP_ENDPOINT:-}"}
# Left to the image or to the default: no operator needs to choose them.
LEFT_OUT = {"STORAGE_EMULATOR_HOST", "HEARTGUARD_ENV"}


OBSERVERS = {"prometheus", "grafana"}
RESTORE = {"restore"}  # run by hand, into an empty system
TOOLS = Path(sys.executable).parent


def config(file, *arguments, **variables):
    """What `docker compose config` says of a file, with the `.env` beside it and a bare environment."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(file.parent), **variables}
    return subprocess.run(
        [TOOLS / "docker-compose", "--file", file, "config", *arguments],
        env=clean,
        cwd=file.parent,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def fresh(tmp_path):
    """The file as it lies in a fresh clone after the first start."""
    environment.write(tmp_path / ".env", environment.example_text(REPO_ROOT / ".env.example", {}))
    return Path(shutil.copy(REPO_ROOT / "docker-compose.yml", tmp_path))


def test_docker_compose_accepts_the_file_as_a_first_start_leaves_it(fresh):
    done = config(fresh, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    services = json.loads(done.stdout)["services"]
    assert set(services) == {*COMPOSE} - {"influxdb"} - OBSERVERS - RESTORE
    assert services["gateway"]["ports"][0]["published"] == "5000"
    assert services["media"]["environment"]["PUBLIC_URL"] == "http://localhost:5000"
    mounted = {volume["target"]: volume for volume in services["media"]["volumes"]}["/run/secrets/service-account.json"]
    assert (mounted["source"], mounted["read_only"]) == ("/opt/heartguard/service-account.json", True)


def test_the_influxdb_profile_adds_a_server_and_its_variables_reach_the_services(fresh):
    variables = {"GATEWAY_PORT": "8000", "GOOGLE_APPLICATION_CREDENTIALS": "/srv/key.json"}
    done = config(fresh, "--format", "json", COMPOSE_PROFILES="influxdb", **variables)
    services = json.loads(done.stdout)["services"]
    assert set(services) == {*COMPOSE} - OBSERVERS - RESTORE
    assert services["gateway"]["ports"][0]["published"] == "8000"
    assert services["media"]["environment"]["PUBLIC_URL"] == "http://localhost:8000"
    assert "/srv/key.json" in {volume["source"] for volume in services["media"]["volumes"]}


def test_a_missing_secret_is_refused_rather_than_left_blank(subtests, fresh):
    env = fresh.with_name(".env")
    written = env.read_text()
    for secret in environment.GENERATED:
        with subtests.test(secret):
            env.write_text(re.sub(rf"^{secret}=.*$", f"{secret}=", written, flags=re.MULTILINE))
            done = config(fresh, "--quiet")
            used = "${" + secret + ":?}" in TEXT
            assert (done.returncode != 0) == used, done.stderr
            assert not used or secret in done.stderr
            assert used or secret == "OPERATOR_TOKEN"


@pytest.mark.parametrize(
    ("written", "spoiled"),
    [("healthcheck:", "healthchek:"), ("retries: 5", "retries: [5]"), (": service_healthy", ": soon")],
)
def test_a_compose_file_against_the_published_schema_is_refused(fresh, written, spoiled):
    assert written in TEXT
    fresh.write_text(TEXT.replace(written, spoiled))
    assert config(fresh, "--quiet").returncode != 0


def test_hadolint_finds_nothing():
    done = subprocess.run([TOOLS / "hadolint", "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def settings_of(name):
    return set(variables(importlib.import_module(f"heartguard_{name}.settings").Settings))


def test_only_the_gateway_publishes_a_port_to_others():
    published = {name: service["ports"] for name, service in COMPOSE.items() if "ports" in service}
    assert set(published) == {"gateway", "grafana"}
    assert published["grafana"] == ["127.0.0.1:3000:3000"]
    assert COMPOSE["gateway"]["ports"] == ["${GATEWAY_BIND:-0.0.0.0}:${GATEWAY_PORT:-5000}:5000"]


def test_the_published_address_is_the_one_of_the_settings(fresh):
    """Behind an nginx on the same machine nobody else may reach the gateway, and say who they are (TRUSTED_PROXIES)."""
    done = config(fresh, "--format", "json", GATEWAY_BIND="127.0.0.1")
    assert json.loads(done.stdout)["services"]["gateway"]["ports"][0]["host_ip"] == "127.0.0.1"


def test_metrics_of_the_workers_of_a_service_are_added_up():
    for name in SERVICES:
        several = SERVICES[name].workers > 1
        directory = COMPOSE[name]["environment"].get("PROMETHEUS_MULTIPROC_DIR")
        assert (directory is not None) == several, name
        assert not several or any(str(mount).startswith(f"{directory}:") for mount in COMPOSE[name]["tmpfs"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_gets_exactly_what_its_settings_read(name):
    given = set(COMPOSE[name]["environment"]) - {"PROMETHEUS_MULTIPROC_DIR"}
    assert given - LEFT_OUT == settings_of(name) - LEFT_OUT


def test_the_stream_process_gets_exactly_what_its_settings_read():
    assert set(COMPOSE["stream"]["environment"]) - LEFT_OUT == set(variables(StreamSettings)) - LEFT_OUT


def test_every_variable_is_explained():
    explained = set(re.findall(r"^([A-Z][A-Z0-9_]*)=", (REPO_ROOT / ".env.example").read_text(), re.MULTILINE))
    used = set(re.findall(r"\$\{([A-Z0-9_]+)", TEXT))
    assert used - explained == set()


def test_the_consumer_is_the_audit_service_with_another_command():
    different = {key for key in COMPOSE["audit"] if COMPOSE["audit"].get(key) != COMPOSE["consumer"].get(key)}
    assert different == {"environment", "healthcheck", "volumes"}
    consumer, service = (COMPOSE[name]["environment"] for name in ("consumer", "audit"))
    assert service.items() <= consumer.items()
    assert set(consumer) - LEFT_OUT == set(variables(ConsumerSettings)) - LEFT_OUT


def test_everything_that_stays_has_a_health_check(subtests):
    for name in sorted({*COMPOSE} - {"migrate"} - RESTORE):
        with subtests.test(name):
            assert COMPOSE[name]["healthcheck"]["test"][0] == "CMD"


def test_every_container_has_limits_that_a_machine_of_two_cores_accepts(subtests):
    for name, service in COMPOSE.items():
        with subtests.test(name):
            limits = service["deploy"]["resources"]["limits"]
            assert limits["memory"] in {"512m", "1g"}
            assert float(limits["cpus"]) <= 2  # Docker refuses more than there are
            assert float(limits["cpus"]) >= SERVICES[name].workers if name in SERVICES else True
    assert COMPOSE["redis"]["command"][-4:-2] == ["--maxmemory", "512mb"]


def test_images_say_their_version():
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', image_text("media")))
    assert labels == {"title": "HeartGuard media", "version": __version__, "licenses": "Apache-2.0"}


WRITTEN = {
    "LOG_LEVEL": ("INFO # of all programs", "INFO"),
    "SMTP_URL": ("'smtp://hg:pa$$word#1@mail.example:587'", "smtp://hg:pa$$word#1@mail.example:587"),
    "ALLOWED_ORIGINS": ('"https://a.example, https://b.example"', "https://a.example, https://b.example"),
    "JWT_ISSUER": ("a#b", "a#b"),
    "RATE_LIMIT": (" 50/min ", "50/min"),
}


def test_docker_compose_and_the_command_read_the_same_in_env(fresh):
    env = fresh.with_name(".env")
    text = env.read_text()
    for name, (written, _) in WRITTEN.items():
        text = re.sub(rf"^{name}=.*$", lambda _, line=f"{name}={written}": line, text, flags=re.MULTILINE)
    env.write_text(text)
    ours = environment.load(env, {})
    services = json.loads(config(fresh, "--format", "json").stdout)["services"]
    for name, (_, value) in WRITTEN.items():
        assert ours[name] == value
        assert services["auth"]["environment"][name].replace("$$", "$") == value, name


def test_services_are_hardened_and_wait_for_what_they_need(subtests):
    for name in [*SERVICES, "consumer"]:
        with subtests.test(name):
            service = COMPOSE[name]
            assert service["cap_drop"] == ["ALL"]
            assert service["read_only"] is True
            assert "no-new-privileges:true" in service["security_opt"]
            assert service["depends_on"]["redis"]["condition"] == "service_healthy"
            if name != "gateway":
                assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_the_daily_backup_gets_its_settings_and_can_write_only_backups():
    assert set(COMPOSE["backup"]["environment"]) == set(variables(BackupSettings)) - LEFT_OUT
    writable = [volume for volume in COMPOSE["backup"]["volumes"] if not volume.endswith(":ro")]
    assert writable == ["backups:/app/var/backups"]


def test_a_restore_container_has_the_volumes_of_its_parts():
    backup, restore = (COMPOSE[name] for name in ("backup", "restore"))
    given = {**COMPOSE["migrate"]["environment"], **backup["environment"]}
    assert restore["environment"] == given | {"REDIS_URL": COMPOSE["auth"]["environment"]["REDIS_URL"]}
    assert set(restore["volumes"]) == {
        volume.replace("var/media:ro", "var/media").replace("checkpoints:ro", "checkpoints")
        for volume in backup["volumes"]
    }
    assert (restore["profiles"], restore["restart"]) == (["restore"], "no")
    assert (restore["cap_drop"], restore["read_only"]) == (["ALL"], True)


def test_an_empty_volume_belongs_to_the_user_that_writes_there():
    """Docker gives a new volume the owner of the directory at its place in the image, and root where there is none."""
    owned = re.search(r"--owner=10001 --group=10001 ([^\n]*)", image_text("cli"))[1].split()
    places = {volume.split(":")[1] for volume in COMPOSE["restore"]["volumes"] if not volume.endswith(":ro")}
    assert {f"/app/{place}" for place in owned} == places


def test_google_credentials_are_mounted_read_only_for_media_and_backups_only():
    mounted = [
        name for name, service in COMPOSE.items() if "GOOGLE_APPLICATION_CREDENTIALS" in str(service.get("volumes"))
    ]
    assert mounted == ["media", "backup", "restore"]
    for name in mounted:
        line = next(volume for volume in COMPOSE[name]["volumes"] if "GOOGLE" in volume)
        assert line.startswith("${GOOGLE_APPLICATION_CREDENTIALS:-/opt/heartguard/service-account.json}:")
        assert line.endswith(":ro")


def test_every_image_is_pinned():
    images = [service["image"] for service in COMPOSE.values() if "image" in service]
    images += [base for base in re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.MULTILINE) if ":" in base]
    assert all(re.fullmatch(r"[a-z/]+:v?[0-9][0-9a-z.\-]*", image) for image in images), images


def test_an_image_installs_only_the_pins_of_its_service_and_runs_unprivileged(subtests):
    for name in [*SERVICES, "cli"]:
        with subtests.test(name):
            lines = image_text(name).splitlines()
            pip = "pip install --no-cache-dir --require-hashes --requirement"
            install, stores, traces = [line for line in lines if "pip install" in line]
            assert install == f'RUN {pip} "services/{name}/requirements.txt"'
            assert f'{pip} "requirements-${{store}}.txt"' in stores
            assert traces == f'RUN [ -z "${{TRACES}}" ] || {pip} requirements-tracing.txt'
            assert lines.index(install) < lines.index(f"COPY services/{name}/src services/{name}/src")
            assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
            copied = {line.split()[1] for line in lines if line.startswith("COPY ")}
            assert [path for path in copied if not (REPO_ROOT / path).exists()] == []
            others = {"services/influx/src", "importers/src"}  # the copier of points, and what influx reads files with
            assert {path for path in copied if path.endswith("/src")} - (others - {f"services/{name}/src"}) == {
                "services/common/src",
                f"services/{name}/src",
            }


def test_no_two_programs_write_to_the_same_place():
    # The stream process listens in the gateway's directory for its connections, and writes into one below it.
    together = [service for name, service in COMPOSE.items() if name not in RESTORE | {"stream"}]
    mounted = [volume for service in together for volume in service.get("volumes", [])]
    places = [volume.partition(":")[0] for volume in mounted if not volume.endswith(":ro")]
    assert len(places) == len(set(places))


def test_containers_are_those_of_the_registry(subtests):
    """A service runs what its image does, at the port and prefix of the registry; a program beside it its module."""
    for name, service in SERVICES.items():
        with subtests.test(name):
            assert "command" not in COMPOSE[name]
            assert COMPOSE[name]["build"] == {**BUILD, "args": {"SERVICE": name, **TRACES}}
            assert f"http://127.0.0.1:{service.port}{service.prefix}/ready" in COMPOSE[name]["healthcheck"]["test"][-1]
            told = {f"http://{name}:{service.port}"}
            assert {
                it["environment"][service.url] for it in COMPOSE.values() if service.url in it.get("environment", ())
            } <= told
    for name, program in REGISTRY.programs.items():
        with subtests.test(name):
            assert COMPOSE[name]["command"] == ["python", "-m", program.module]
            traces = {} if program.owner == "cli" else TRACES
            assert COMPOSE[name]["build"]["args"] == {"SERVICE": program.owner, **traces}
    own = {"postgres", "redis", "influxdb", "migrate"} | OBSERVERS | RESTORE
    assert {*COMPOSE} - own == {*SERVICES, *REGISTRY.programs}


def test_an_image_serves_what_the_plan_and_compose_expect():
    assert command("media") == ["python", "-m", "heartguard_common.runtime.serve"]
    assert serve.command("media")[1:] == [
        *("-m", "gunicorn", "--config", "python:heartguard_common.runtime.gunicorn_hooks"),
        *("--workers", "1", "--threads", "40", "--no-control-socket", "--bind", "0.0.0.0:5004"),
        *("--chdir", str(REPO_ROOT / "services/media/src"), "app:app"),
    ]

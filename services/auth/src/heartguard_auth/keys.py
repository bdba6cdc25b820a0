"""`heartguard keys list | rotate | retire`: the ring of signing keys, turned by hand."""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence

from heartguard_auth.settings import Settings
from heartguard_auth.store.keys import KeyRing, RingKey, TooSoon
from heartguard_auth.store.revocations import Revocations
from heartguard_auth.wiring import make_ring
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.core.columns import columns
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.settings import SettingsError
from heartguard_common.identity.authentication import Principal
from heartguard_common.runtime.bootstrap import open_dependencies
from heartguard_common.stores.database import Database

OPERATOR = Principal("operator", "operator")
# Public keys stay in the memory of those that verified with them, so a retired key is marked for good.
MARK_SECONDS = 10 * 365 * 86_400
PUBLISH_SECONDS = 30.0
HEADINGS = ("key", "state", "made", "signs since", "verifies until")


class Keys:
    """What an operator can do with the ring; each act is an audit event."""

    def __init__(
        self, ring: KeyRing, database: Database, revocations: Revocations, audit: AuditTrail, clock: Clock
    ) -> None:
        self._ring = ring
        self._database = database
        self._revocations = revocations
        self._audit = audit
        self._clock = clock

    def list(self) -> list[RingKey]:
        """Every key there is or was, the next one first."""
        return self._ring.list()

    def rotate(self) -> str:
        """Let the next key sign from now on; returns its id."""
        with self._database.transaction():
            kid = self._ring.rotate()
            self._audit.changed(OPERATOR, "auth.key_rotated", f"key:{kid}", payload={"by": "operator"})
        return kid

    def retire(self, kid: str) -> bool:
        """Have every token of a key refused everywhere; False for an unknown id. Raises TimeoutError.

        The truth is written first; then this waits until the copy that all services ask has it.
        """
        until = self._clock.now_ns() + MARK_SECONDS * NANOSECONDS
        with self._database.transaction():
            if not self._ring.retire(kid):
                return False
            self._revocations.add("kid", [kid], "key retired", until)
            self._audit.changed(OPERATOR, "auth.key_retired", f"key:{kid}")
        deadline = time.monotonic() + PUBLISH_SECONDS
        while not self._revocations.copy_all():
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.2)
        return True


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command: 0 when it is done, 1 when there was nothing to do it to, 2 when it could not be done."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["retire"] and words[-1] not in ("-h", "--help"):
        words.insert(1, "--")  # the id of a key may begin with a hyphen, which is no option then
    options = _parser().parse_args(words)
    try:
        settings = Settings.from_env(environ)
        if settings.jwt_secret:
            print(
                "heartguard: JWT_SECRET signs here. To change it, move it to JWT_SECRET_PREVIOUS, set a new one and "
                "start again; leave both empty to use the ring",
                file=sys.stderr,
            )
            return 1
        return _run(options, settings)
    except TooSoon:
        print("heartguard: the next key is only just published: try again in 5 seconds", file=sys.stderr)
        return 1
    except TimeoutError:
        print(
            "heartguard: the key is retired, but Redis can't be reached to inform all services: run this again",
            file=sys.stderr,
        )
    except (SettingsError, ServiceError, OSError) as error:
        print(f"heartguard: {error}", file=sys.stderr)
    return 2


def _run(options: argparse.Namespace, settings: Settings) -> int:
    dependencies = open_dependencies("auth", settings)
    try:
        revocations = Revocations(dependencies.database, dependencies.redis, dependencies.clock)
        keys = Keys(
            make_ring(settings, dependencies),
            dependencies.database,
            revocations,
            dependencies.audit,
            dependencies.clock,
        )
        if options.command == "rotate":
            print(f"{keys.rotate()} signs from now on; tokens of the key before count until they expire")
        elif options.command == "retire":
            if not keys.retire(options.kid):
                print(f"heartguard: there is no key {options.kid}", file=sys.stderr)
                return 1
            print(f"{options.kid} is retired; its tokens are refused, and sessions go on with the key that signs now")
        else:
            print(table(keys.list(), dependencies.clock.now_ns()))
        return 0
    finally:
        dependencies.lifecycle.close()


def table(ring: Sequence[RingKey], now_ns: int) -> str:
    """The ring, one line for each key."""
    rows = [
        (key.kid, key.state(now_ns), key.created_at, key.signs_since or "-", key.retired_at or key.expires_at or "-")
        for key in ring
    ]
    return columns(HEADINGS, rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="heartguard keys", description="Turn the ring of signing keys.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every key, and what it is good for")
    commands.add_parser("rotate", help="let the next key sign; nobody is logged out")
    retire = commands.add_parser("retire", help="have every token of a key refused, at once and for ever")
    retire.add_argument("kid", help="the key's id, as `list` shows it")
    return parser


if __name__ == "__main__":
    sys.exit(main())

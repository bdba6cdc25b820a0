"""`heartguard keys list | rotate | retire`: the ring of signing keys, for an operator."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from heartguard_auth.key_ring import make_key_rotation
from heartguard_auth.revocations.store import Revocations
from heartguard_auth.settings import Settings
from heartguard_auth.signing_keys.domain import KeyNotPublishedYet, RingKey
from heartguard_auth.signing_keys.usecases import KeyAdministration
from heartguard_common.command_line import keys as commands
from heartguard_common.command_line.running import run
from heartguard_common.command_line.terminal import show_json, show_table
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.settings import SettingsError
from heartguard_common.runtime.dependencies import open_dependencies

HEADINGS = ("key", "state", "made", "signs since", "verifies until")
STYLES = {"signing": "green", "retired": "dim"}


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command: 0 when it is done, 1 when there is no such key or it does not apply, 2 when it failed."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        return run(commands.keys, words, "python -m heartguard_auth.keys", Commands(environ))
    except KeyNotPublishedYet:
        print("heartguard: the next key is only just published: try again in 5 seconds", file=sys.stderr)
        return 1
    except TimeoutError:
        print(
            "heartguard: the key is retired, but Redis can't be reached to inform the services: start HeartGuard and "
            "run this again",
            file=sys.stderr,
        )
    except (SettingsError, ServiceError, OSError) as error:
        print(f"heartguard: {error}", file=sys.stderr)
    return 2


class Commands:
    """`list`, `rotate` and `retire` on the ring of an environment; each returns the exit code.

    Raises `SettingsError`, `ServiceError`, `KeyNotPublishedYet`, TimeoutError, OSError.
    """

    def __init__(self, environ: Mapping[str, str] | None) -> None:
        self._environ = environ

    def list(self, *, as_json: bool) -> int:
        """Print every key there is or was, the next one first."""
        with self._open() as opened:
            if opened is None:
                return 1
            keys, clock = opened
            _show(keys.all_keys(), clock.now_ns(), as_json=as_json)
        return 0

    def rotate(self) -> int:
        """Let the next key sign."""
        with self._open() as opened:
            if opened is None:
                return 1
            print(f"{opened[0].rotate()} signs from now on; tokens of the key before count until they expire")
        return 0

    def retire(self, kid: str) -> int:
        """Have every token of a key refused."""
        with self._open() as opened:
            if opened is None:
                return 1
            if not opened[0].retire(kid):
                print(f"heartguard: there is no key {kid}", file=sys.stderr)
                return 1
        print(f"{kid} is retired; its tokens are refused, and sessions go on with the key that signs now")
        return 0

    @contextmanager
    def _open(self) -> Iterator[tuple[KeyAdministration, Clock] | None]:
        """The ring; None, with a sentence on standard error, where `JWT_SECRET` signs instead of one."""
        settings = Settings.from_env(self._environ)
        if settings.jwt_secret:
            print(
                "heartguard: JWT_SECRET signs here. To change it, move it to JWT_SECRET_PREVIOUS, set a new one and "
                "start again; leave both empty to use the ring",
                file=sys.stderr,
            )
            yield None
            return
        dependencies = open_dependencies("auth", settings)
        try:
            database, clock = dependencies.database, dependencies.clock
            revocations = Revocations(database, dependencies.redis, clock)
            rotation = make_key_rotation(settings, dependencies)
            yield KeyAdministration(rotation, database, revocations, dependencies.audit, clock), clock
        finally:
            dependencies.lifecycle.close()


def _show(ring: Sequence[RingKey], now_ns: int, *, as_json: bool) -> None:
    """Print the ring, one line or object for each key."""
    if not as_json:
        rows = [
            (it.kid, it.state(now_ns), it.created_at, it.signs_since or "-", it.retired_at or it.expires_at or "-")
            for it in ring
        ]
        show_table(HEADINGS, rows, styles=STYLES)
        return
    show_json(
        [
            {
                "key": it.kid,
                "state": it.state(now_ns),
                "made": it.created_at,
                "signs_since": it.signs_since,
                "verifies_until": it.retired_at or it.expires_at,
            }
            for it in ring
        ]
    )


if __name__ == "__main__":
    sys.exit(main())

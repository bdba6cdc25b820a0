"""`heartguard keys list | rotate | retire`: the ring of signing keys, for an operator."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from heartguard_auth.key_ring import by_age, make_key_rotation
from heartguard_auth.settings import Settings
from heartguard_auth.signing_keys.domain import KeyNotPublishedYet, RingKey
from heartguard_auth.signing_keys.usecases import KeyAdministration
from heartguard_common.command_line import keys as commands
from heartguard_common.command_line.running import run
from heartguard_common.command_line.terminal import show_json, show_table
from heartguard_common.core.clock import SystemClock
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.settings import SettingsError
from heartguard_common.stores.database import Database

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
        settings = self._settings()
        if settings is None:
            return 1
        clock = SystemClock()
        with closing(Database(settings.database_url, pool_size=2)) as database:
            found = make_key_rotation(settings, database, clock, _unexpected).all_keys()
        _show(found, clock.now_ns(), as_json=as_json)
        return 0

    def rotate(self) -> int:
        """Let the next key sign."""
        settings = self._settings()
        if settings is None:
            return 1
        with _administration(settings) as keys:
            print(f"{keys.rotate()} signs from now on; tokens of the key before count until they expire")
        return 0

    def retire(self, kid: str) -> int:
        """Have every token of a key refused."""
        settings = self._settings()
        if settings is None:
            return 1
        with _administration(settings) as keys:
            if not keys.retire(kid):
                print(f"heartguard: there is no key {kid}", file=sys.stderr)
                return 1
        print(f"{kid} is retired; its tokens are refused, and sessions go on with the key that signs now")
        return 0

    def _settings(self) -> Settings | None:
        """The settings; None, with a sentence on standard error, where `JWT_SECRET` signs instead of a ring."""
        settings = Settings.from_env(self._environ)
        if not settings.jwt_secret:
            return settings
        print(
            "heartguard: JWT_SECRET signs here. To change it, move it to JWT_SECRET_PREVIOUS, set a new one and "
            "start again; leave both empty to use the ring",
            file=sys.stderr,
        )
        return None


@contextmanager
def _administration(settings: Settings) -> Iterator[KeyAdministration]:
    """What changes the ring. Redis, which takes 0.15 s of CPU to load, is needed for changes alone."""
    from heartguard_auth.revocations.store import Revocations
    from heartguard_common.audit.log import AuditLog
    from heartguard_common.audit.outbox import Outbox
    from heartguard_common.stores.redis_client import make_redis
    from heartguard_common.stores.spool import Spool

    clock, spool = SystemClock(), Spool(settings.spool_dir / "auth.events")
    with closing(Database(settings.database_url)) as database, closing(make_redis(settings.redis_url)) as redis:
        audit = AuditLog("auth", redis, spool, clock, Outbox(database))
        rotation = make_key_rotation(settings, database, clock, by_age(audit))
        yield KeyAdministration(rotation, database, Revocations(database, redis, clock), audit, clock)


def _unexpected(kid: str) -> None:
    """Never called: reading the ring rotates nothing."""
    raise AssertionError(kid)


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

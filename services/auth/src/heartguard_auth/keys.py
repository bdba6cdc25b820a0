"""`heartguard keys list | rotate | retire`: the ring of signing keys, for an operator."""

import argparse
import sys
from collections.abc import Mapping, Sequence

from heartguard_auth.key_ring import make_key_rotation
from heartguard_auth.revocations.store import Revocations
from heartguard_auth.settings import Settings
from heartguard_auth.signing_keys.domain import KeyNotPublishedYet, RingKey
from heartguard_auth.signing_keys.usecases import KeyAdministration
from heartguard_common.core.columns import columns
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.settings import SettingsError
from heartguard_common.runtime.bootstrap import open_dependencies

HEADINGS = ("key", "state", "made", "signs since", "verifies until")


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command: 0 when it is done, 1 when there is no such key or it does not apply, 2 when it failed."""
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
    except KeyNotPublishedYet:
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
        keys = KeyAdministration(
            make_key_rotation(settings, dependencies),
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
            print(table(keys.all_keys(), dependencies.clock.now_ns()))
        return 0
    finally:
        dependencies.lifecycle.close()


def table(ring: Sequence[RingKey], now_ns: int) -> str:
    """The keys, one line for each."""
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

"""API keys on every route, at the gateway and at the owner's own port: keys.csv.

It is written by hand from the HTTP contract, never from policy.toml: whether a device key, and an integration key of an
admin with every scope, may call a route. `unread`: the route answers as it does without a credential. A key that has
ended, or whose creator has no rights any more, is refused on each route that reads credentials.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartguard_common.core.registry import SERVICES
from heartguard_common.identity import policy
from tests.protection.api_keys import Key, change, full_rights, make
from tests.protection.stack import ProtectedStack
from tests.protection.test_credentials import EntryPoints

LINES = list(csv.DictReader((Path(__file__).parent / "keys.csv").read_text(encoding="utf-8").splitlines()))
POLICY = policy.load()


@pytest.fixture(scope="module")
def entry_points(protected_stack: ProtectedStack) -> Iterator[EntryPoints]:
    entry_points = EntryPoints(protected_stack)
    yield entry_points
    entry_points.close()


@pytest.fixture(scope="module")
def keys(protected_stack: ProtectedStack) -> dict[str, Key]:
    """A key of each kind, a damaged one, and one that was deleted."""
    admin = protected_stack.found("keys.routes")
    ended = full_rights(protected_stack, admin)
    change(protected_stack, admin, "DELETE", f"/auth/api-keys/{ended.id}")
    device = make(protected_stack, admin)
    return {
        "device": device,
        "damaged": Key("", device.secret[:-1]),
        "integration": full_rights(protected_stack, admin),
        "ended": ended,
    }


def test_every_route_stands_in_the_table_once() -> None:
    written = [(line["method"], line["path"]) for line in LINES]
    assert sorted(written) == sorted((rule.method, rule.path) for rule in POLICY.rules)


@pytest.mark.parametrize("service", SERVICES)
def test_each_key_is_accepted_or_refused_as_the_table_says(
    subtests: pytest.Subtests, entry_points: EntryPoints, keys: dict[str, Key], service: str
) -> None:
    for line in LINES:
        if POLICY.rule(line["method"], line["path"]).upstream == service:
            with subtests.test(f"{line['method']} {line['path']}"):
                problems = list(_problems(entry_points, keys, line, service))
                assert not problems, "\n".join(problems)


def _problems(entry_points: EntryPoints, keys: dict[str, Key], line: dict[str, str], service: str) -> Iterator[str]:
    for entry_point in dict.fromkeys(("gateway", service)):
        alone, _ = entry_points.ask(entry_point, line, {})
        ended = "unread" if line["device"] == "unread" else "ended"
        for name, expected in (
            ("device", line["device"]),
            ("integration", line["integration"]),
            ("ended", ended),
            ("damaged", ended),
        ):
            status, challenged = entry_points.ask(entry_point, line, keys[name].bearer)
            right = {
                "unread": status == alone,
                # There is no stream process here: a key that may watch gets 503.
                "yes": status not in (401, 403) and (status < 500 or line["path"] == "/stream"),
                "no": status == 403,
                "ended": status == 401 and challenged,
            }[expected]
            if not right:
                yield f"{name} at {entry_point}: {status}, but should be {expected}"

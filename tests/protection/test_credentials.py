"""The operator, each service, and credentials that are wrong in every way, at every route: credentials.csv.

It is written by hand from the HTTP contract, never from policy.toml: whether the operator may call a route, which
services may at the owner's own port (`all`, `none`, or their names; the gateway refuses each of them), and whether a
wrong credential is refused. `unread`: the route is for anyone and answers as it does without a credential. Who may is
not refused for who they are; what a route then says of an empty request is the business of other tests.
"""

import base64
import csv
import json
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path

import pytest

from heartguard_common.core.registry import SERVICES
from heartguard_common.identity import policy
from tests.protection.stack import JSON, PASSWORD, ProtectedStack
from tests.tokens import OPERATOR_TOKEN, operator_auth, service_auth, service_secret

LINES = list(csv.DictReader((Path(__file__).parent / "credentials.csv").read_text(encoding="utf-8").splitlines()))
POLICY = policy.load()
NAMES = {
    "file": "common.xsd",
    "asset": "site.css",
    "folder": "core",
    "version": "0",
    "user_id": "999999",
    "org_id": "999999",
    "bucket": "org_999999",
    **dict.fromkeys(
        (
            *("session_id", "key_id", "invitation_id", "item_id", "job_id", "event_id", "letter_id"),
            *("import_id", "rule_id", "alarm_id", "channel_id", "policy_id", "silence_id"),
        ),
        "0198c0de-0000-7000-8000-000000000000",
    ),
}
# Where the rule about the caller stands behind the contract.
DOCUMENTS = {
    "/auth/register": {"email": "nobody.yet@credentials.example", "password": PASSWORD},
    "/auth/invitations/accept": {"code": "no such code"},
    "/auth/memberships": {
        "org_id": 999999,
        "user_id": 999999,
        "role": "user",
        "active": True,
        "seen_role": "user",
        "seen_active": False,
    },
}


def basic(pair: bytes) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


USER_SECRET = service_secret("user").encode()
WRONG = {
    "a token that is not the operator's": {"Authorization": f"Bearer {OPERATOR_TOKEN[:-1]}x"},
    "the operator's token and more": {"Authorization": f"Bearer {OPERATOR_TOKEN}x"},
    "the operator's token as Basic": basic(b"operator:" + OPERATOR_TOKEN.encode()),
    "a service's secret as a token": {"Authorization": f"Bearer {service_secret('user')}"},
    "another service's secret": basic(b"media:" + USER_SECRET),
    "a service that is none": basic(b"nobody:" + USER_SECRET),
    "a name in other letters": basic(b"User:" + USER_SECRET),
    "no secret": basic(b"user:"),
    "no colon": basic(b"user"),
    "no UTF-8": basic(b"user:\xff\xfe"),
    "no base64": {"Authorization": "Basic user:secret"},
    "nothing behind the scheme": {"Authorization": "Bearer"},
    "an unknown scheme": {"Authorization": f"Digest {OPERATOR_TOKEN}"},
}


class EntryPoints:
    """A kept connection to the gateway and to each service."""

    def __init__(self, stack: ProtectedStack) -> None:
        self._links = {
            name: HTTPConnection("127.0.0.1", entry_point.port, timeout=20)
            for name, entry_point in stack.entry_points.items()
        }

    def ask(
        self,
        entry_point: str,
        line: dict[str, str],
        credentials: dict[str, str],
        documents: Mapping[str, object] = DOCUMENTS,
    ) -> tuple[int, bool]:
        """The status, and whether the answer says how to authenticate."""
        link = self._links[entry_point]
        headers = {"Accept": "*/*", **credentials}
        body = None
        if line["method"] in ("POST", "PUT", "PATCH"):
            body = json.dumps(documents.get(line["path"], {}))
            headers["Content-Type"] = JSON
        link.request(line["method"], line["path"].format(**NAMES), body, headers)
        answer = link.getresponse()
        answer.read()
        return answer.status, answer.headers["WWW-Authenticate"] is not None

    def close(self) -> None:
        for link in self._links.values():
            link.close()


@pytest.fixture(scope="module")
def entry_points(protected_stack: ProtectedStack) -> Iterator[EntryPoints]:
    entry_points = EntryPoints(protected_stack)
    yield entry_points
    entry_points.close()


def test_every_route_stands_in_the_table_once() -> None:
    written = [(line["method"], line["path"]) for line in LINES]
    assert sorted(written) == sorted((rule.method, rule.path) for rule in POLICY.rules)


@pytest.mark.parametrize("service", SERVICES)
def test_each_credential_is_accepted_or_refused_as_the_table_says(
    subtests: pytest.Subtests, entry_points: EntryPoints, service: str
) -> None:
    for line in LINES:
        if POLICY.rule(line["method"], line["path"]).upstream == service:
            with subtests.test(f"{line['method']} {line['path']}"):
                problems = list(_faults(entry_points, line, service))
                assert not problems, "\n".join(problems)


def _faults(entry_points: EntryPoints, line: dict[str, str], service: str) -> Iterator[str]:
    """Which callers are let in or refused against the line."""
    for entry_point in dict.fromkeys(("gateway", service)):
        callers = {
            "operator": (operator_auth(), line["operator"]),
            **{name: (service_auth(name), _of_service(line, name, entry_point)) for name in SERVICES},
            **{name: (headers, line["wrong"]) for name, headers in WRONG.items()},
        }
        alone, _ = entry_points.ask(entry_point, line, {})
        for name, (credentials, expected) in callers.items():
            status, challenged = entry_points.ask(entry_point, line, credentials)
            right = {
                "unread": status == alone,
                "yes": status not in (401, 403) and (status < 500 or status == alone),
                "no": status == 403,
                "refused": status == 401 and challenged,
            }[expected]
            if not right:
                yield f"{name} at {entry_point}: {status}, but should be {expected}"


def _of_service(line: dict[str, str], name: str, entry_point: str) -> str:
    services = line["services"]
    if entry_point == "gateway" and services != "unread":
        return "refused"
    known = {"all": "yes", "none": "no", "unread": "unread"}
    return known.get(services) or ("yes" if name in services.split() else "no")

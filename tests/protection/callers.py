"""Who asks for whose thing: the people, their things, and one request for each route of the matrix."""

import base64
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any

import requests

from tests.protection.stack import Person

PASSWORD = "a long enough phrase"
ROLES = ("user", "manager", "admin")
TICKET = {"file_name": "note.txt", "content_type": "text/plain", "size": 2}
RULE = {"name": "High", "measurement": "heart_rate", "field": "bpm", "condition": "above", "threshold": 120}
SILENCE = {"reason": "An exercise test.", "ends_at": f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"}
DAY = {"range_start": "2026-03-01T00:00:00Z", "range_stop": "2026-03-02T00:00:00Z"}


class World:
    """Two organizations full of people; `urls` says where the gateway and each service listen."""

    def __init__(self, urls: dict[str, str], operator: dict[str, str], service: dict[str, str]) -> None:
        self.urls = urls
        self.credentials = {"none": {}, "operator": operator, "service": service}
        self._numbers = itertools.count(int(time.time()) % 10_000_000 * 1000)
        self.founders = {"own": self.found(), "other": self.found()}
        self.thing_of = cache(self.make_thing)
        self.ended_person = cache(self._ended_person)
        self.own_password = cache(self._own_password)

    def number(self) -> int:
        """A number nobody had before, for names."""
        return next(self._numbers)

    def email(self) -> str:
        return f"person{self.number()}@protection.example"

    def call(self, method: str, path: str, who: Person | None = None, **how: Any) -> Any:
        """A request that must succeed, through the gateway; its document."""
        headers = {"Accept": "application/json", **(who.bearer if who else {})}
        answer = requests.request(method, self.urls["gateway"] + path, headers=headers, timeout=20, **how)
        assert answer.ok, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def found(self) -> Person:
        """A new organization's admin."""
        return self._enter(self.email(), None, {"organization_name": f"Clinic {self.number()}"})

    def member(self, role: str, organization: str = "own") -> Person:
        """A new member."""
        return self._enter(self.email(), self.founders[organization], {"role": role})

    def _enter(self, email: str, by: Person | None, more: dict[str, str]) -> Person:
        account = {"email": email, "password": PASSWORD}
        made = self.call("POST", "/auth/register", by, json={**account, **more})
        tokens = self.call("POST", "/auth/login", json=account)
        pair = tokens["access_token"], tokens["refresh_token"]
        return Person(made["user_id"], made["org_id"], made["role"], email, *pair)

    @cached_property
    def regulars(self) -> dict[str, Person]:
        """One member of each role in the caller's organization, for requests that leave them as they are."""
        return {role: self.member(role) for role in ROLES}

    @cached_property
    def peer(self) -> Person:
        return self.member("user")

    @cached_property
    def stranger(self) -> Person:
        return self.member("user", "other")

    def make_thing(self, kind: str, owner: Person) -> str:
        """The id of a new thing of somebody's. `thing_of` makes it once, for requests that leave it as it is."""
        return self._makers[kind](owner)

    @cached_property
    def _makers(self) -> dict[str, Callable[[Person], str]]:
        return {
            "media": self.upload,
            "signed media": self.upload,
            "open upload": self.begin_upload,
            "sent upload": self.send_upload,
            "export": self.export,
            "event": self.event,
            "invitation": self.invite,
            "API key": self.make_key,
            "bucket": self.make_bucket,
            "emptied field": self.empty_field,
            "import": self.begin_import,
            "alarm rule": self.make_rule,
            "alarm channel": self.make_channel,
            "alarm policy": self.make_policy,
            "alarm silence": self.make_silence,
        }

    def upload(self, owner: Person) -> str:
        note = {"file_name": "note.txt", "content_type": "text/plain", "data_base64": base64.b64encode(b"hi").decode()}
        return str(self.call("POST", "/media/upload", owner, json=note)["id"])

    def begin_upload(self, owner: Person) -> str:
        return str(self.call("POST", "/media/uploads", owner, json=TICKET)["id"])

    def begin_import(self, owner: Person) -> str:
        return str(self.call("POST", "/imports", owner, json={"file_name": "export.zip", "size": 2})["id"])

    def send_upload(self, owner: Person) -> str:
        """An upload whose bytes are there, and which nobody has completed."""
        ticket = self.call("POST", "/media/uploads", owner, json=TICKET)
        sent = requests.request(ticket["method"], ticket["url"], data=b"hi", headers=ticket["headers"], timeout=60)
        assert sent.ok, sent.text
        return str(ticket["id"])

    def invite(self, by: Person) -> str:
        asked = {"email": self.email(), "role": "user"}
        return str(self.call("POST", "/auth/invitations", by, json=asked)["id"])

    def make_key(self, owner: Person) -> str:
        """A device key."""
        return str(self.call("POST", "/auth/api-keys", owner, json={"kind": "device", "name": "watch"})["id"])

    def make_bucket(self, admin: Person) -> str:
        bucket = f"org_{admin.org_id}_b{self.number()}"
        self.call("POST", "/timeseries/buckets", admin, json={"bucket": bucket})
        return bucket

    def make_rule(self, admin: Person) -> str:
        return str(self.call("POST", "/alarms/rules", admin, json=RULE)["id"])

    def make_channel(self, admin: Person) -> str:
        asked = {"name": "Doctor", "kind": "email", "user_id": admin.user_id}
        return str(self.call("POST", "/alarms/channels", admin, json=asked)["id"])

    def make_policy(self, admin: Person) -> str:
        steps = [{"after_seconds": 0, "channels": [self.make_channel(admin)]}]
        return str(self.call("POST", "/alarms/policies", admin, json={"name": "Ward", "steps": steps})["id"])

    def make_silence(self, admin: Person) -> str:
        return str(self.call("POST", "/alarms/silences", admin, json=SILENCE)["id"])

    def empty_field(self, admin: Person) -> str:
        """A measurement with a field `phase` of texts, and no point any more."""
        bucket, name = f"org_{admin.org_id}", f"m{self.number()}"
        point = {"measurement": name, "fields": {"phase": "swing"}, "timestamp": "2026-03-01T12:00:00Z"}
        self.call("POST", "/timeseries/write", admin, json={"bucket": bucket, "points": [point]})
        self.call("POST", "/timeseries/delete", admin, json={"bucket": bucket, "measurement": name, **DAY})
        return name

    def _ended_person(self, organization: str) -> str:
        """The job that deletes a member."""
        gone = self.member("user", organization)
        return str(self.call("DELETE", f"/users/{gone.user_id}", gone)["id"])

    def _own_password(self, person: Person) -> str:
        """A password that only the person knows, in place of the one that an admin has given them."""
        password = f"{PASSWORD} {self.number()}"
        self.call("POST", "/auth/password", person, json={"current_password": PASSWORD, "new_password": password})
        return password

    @cached_property
    def ended_organization(self) -> str:
        """The job that deletes an organization."""
        admin = self.found()
        name = self.call("GET", "/organization", admin)["name"]
        return str(self.call("DELETE", "/organization", admin, json={"name": name})["id"])

    def export(self, owner: Person) -> str:
        return str(self.call("POST", "/users/me/export", owner)["id"])

    def event(self, owner: Person) -> str:
        """An audit event that `owner` caused, as soon as the trail has it."""
        admin = next(one for one in self.founders.values() if one.org_id == owner.org_id)
        self.call("GET", "/users/me", owner)
        for _ in range(100):
            found = self.call("GET", f"/audit/events?actor=user:{owner.user_id}&limit=1", admin)["items"]
            if found:
                return str(found[0]["id"])
            time.sleep(0.1)
        raise TimeoutError("the event did not arrive in the trail")


@dataclass
class Situation:
    """One cell: a caller (a role, `none`, `operator` or `service`) asks for the thing of `organization`, `person`.

    `fresh`: the people are made for this request, which changes them. `refused`: the request must leave the thing as it
    is, so that all such requests ask for the same one; a refusal that changes it shows at the next request.
    """

    world: World
    caller: str
    organization: str
    person: str
    fresh: bool = False
    refused: bool = False
    me: Person = field(init=False)

    def __post_init__(self) -> None:
        role = self.caller if self.caller in ROLES else "user"
        self.me = self.world.member(role) if self.fresh else self.world.regulars[role]

    @property
    def headers(self) -> dict[str, str]:
        return self.me.bearer if self.caller in ROLES else self.world.credentials[self.caller]

    @property
    def owner(self) -> Person:
        """Whose thing it is."""
        if self.person in ("self", "-"):
            return self.me
        if self.fresh:
            return self.world.member("user", self.organization)
        return self.world.peer if self.organization == "own" else self.world.stranger

    def thing(self, kind: str, owner: Person) -> str:
        """The id of a thing of somebody's, which the request may use up."""
        return self.world.thing_of(kind, owner) if self.refused else self.world.make_thing(kind, owner)

    @property
    def org_id(self) -> int:
        return self.world.founders["other" if self.organization == "other" else "own"].org_id

    @property
    def admin(self) -> Person:
        """The admin of the organization the thing is in."""
        return self.world.founders["other" if self.organization == "other" else "own"]


@dataclass(frozen=True)
class Ask:
    """What is sent: a path with its query, and a document of the contract `message`, or bytes.

    `endless`: a good answer does not end, so that its body is not read.
    """

    path: str
    message: str = ""
    document: dict[str, Any] | None = None
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    endless: bool = False


Builder = Callable[[Situation], Ask]
BUILDERS: dict[tuple[str, str], tuple[bool, Builder]] = {}


def asks(method: str, path: str, *, fresh: bool = False) -> Callable[[Builder], Builder]:
    """Name the function that makes the request of a route; `fresh` where it changes whom it touches."""

    def keep(builder: Builder) -> Builder:
        BUILDERS[method, path] = (fresh, builder)
        return builder

    return keep


def request_of(method: str, path: str, situation: Situation) -> Ask:
    """The request of a route in a situation."""
    return BUILDERS[method, path][1](situation) if (method, path) in BUILDERS else Ask(path)


def changes_people(method: str, path: str) -> bool:
    """Whether the route needs people of its own each time."""
    return BUILDERS.get((method, path), (False,))[0]

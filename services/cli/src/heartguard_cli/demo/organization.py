"""The organization of the demo: founded, filled, and deleted through the API."""

import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from heartguard_cli.demo.recording import Recording
from heartguard_cli.operator_api import OperatorApi, RefusedError

NAME = "Demo"
PEOPLE = ("Ana Torres", "Ben Okafor", "Chiara Ricci")
HISTORY_SECONDS = 3 * 3600.0
BATCH = 1000
GONE = ("AUTH_001", "ORG_001")
"""Codes that say that an organization was deleted."""

Api: TypeAlias = Callable[[str], OperatorApi]
"""Makes the API for a token; for an empty one, without credentials."""


@dataclass(frozen=True)
class DemoOrganization:
    """An organization of the demo; `date` is the day (UTC) for which it was made, `key` an API key that may write."""

    org_id: int
    email: str
    password: str
    date: str
    key: str = ""
    people: Sequence[int] = ()


@dataclass(frozen=True)
class DemoState:
    """What the demo has made: the organization that visitors see, and those that are to be deleted."""

    current: DemoOrganization | None = None
    ending: Sequence[DemoOrganization] = field(default_factory=tuple)

    @classmethod
    def read(cls, file: Path) -> "DemoState":
        """The state of a file; an empty one where there is none."""
        if not file.exists():
            return cls()
        known = json.loads(file.read_text(encoding="utf-8"))
        current = DemoOrganization(**known["current"]) if known["current"] else None
        return cls(current, tuple(DemoOrganization(**it) for it in known["ending"]))

    def write(self, file: Path) -> None:
        """Store the state, for the owner alone: it has the password of the admin and the key."""
        new = file.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            json.dump(asdict(self), out)
        new.replace(file)


class DemoOrganizations:
    """Makes and deletes organizations of the demo. Each method raises `RefusedError` and `CommandError`."""

    def __init__(self, operator: OperatorApi, api: Api, recording: Recording) -> None:
        self._operator = operator
        self._api = api
        self._recording = recording

    def found(self, date: str) -> DemoOrganization:
        """A new organization, of which nobody knows yet."""
        email, password = f"admin.{secrets.token_hex(6)}@demo.example", secrets.token_urlsafe(24)
        account = {"email": email, "password": password, "organization_name": NAME}
        made = self._api("").post("/auth/register", account)
        return DemoOrganization(made["org_id"], email, password, date)

    def fill(self, made: DemoOrganization, now: float) -> DemoOrganization:
        """Give it people, a key, some hours of points and the mode of a demo; returns it with what was made."""
        admin = self._log_in(made)
        self._add(admin, "manager", "Visitor")
        people = [self._add(admin, "user", name) for name in PEOPLE]
        key = admin.post("/auth/api-keys", {"kind": "integration", "name": "recordings", "scopes": ["points_write"]})
        self._operator.put(f"/organization/{made.org_id}/plan", {"plan": "demo"})
        filled = DemoOrganization(made.org_id, made.email, made.password, made.date, key["key"], people)
        self.play(filled, now - HISTORY_SECONDS, now)
        self._operator.put(f"/organization/{made.org_id}/mode", {"mode": "demo"})
        return filled

    def play(self, demo: DemoOrganization, begin: float, end: float) -> int:
        """Write the beats between two times, in seconds since 1970; returns how many."""
        api, written = self._api(demo.key), 0
        points = self._points(demo, begin, end)
        while batch := list(islice(points, BATCH)):
            api.post("/timeseries/write", {"bucket": f"org_{demo.org_id}", "points": batch})
            written += len(batch)
        return written

    def delete(self, demo: DemoOrganization) -> None:
        """Delete an organization of the demo with everything in it."""
        try:
            self._operator.put(f"/organization/{demo.org_id}/mode", {"mode": "active"})
            self._log_in(demo).delete("/organization", {"name": NAME})
        except RefusedError as error:
            if error.code not in GONE:
                raise

    def _points(self, demo: DemoOrganization, begin: float, end: float) -> Iterator[dict[str, Any]]:
        for place, person in enumerate(demo.people):
            for moment, bpm in self._recording.between(begin, end, place):
                tags = {"user_id": str(person)}
                yield {"measurement": "heart_rate", "fields": {"bpm": bpm}, "timestamp": moment, "tags": tags}

    def _add(self, admin: OperatorApi, role: str, full_name: str) -> int:
        account = {"email": f"{secrets.token_hex(6)}@demo.example", "password": secrets.token_urlsafe(24)}
        made: dict[str, Any] = admin.post("/auth/register", {**account, "role": role})
        self._session(account).put("/users/me", {"full_name": full_name})
        return int(made["user_id"])

    def _log_in(self, demo: DemoOrganization) -> OperatorApi:
        return self._session({"email": demo.email, "password": demo.password})

    def _session(self, account: dict[str, str]) -> OperatorApi:
        return self._api(self._api("").post("/auth/login", account)["access_token"])

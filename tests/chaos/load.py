"""Steady mixed load through the gateway, which records what was acknowledged."""

import hashlib
import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Self

import requests

from heartguard_common.contract.contracts import Contracts
from tests.media_stack import target_of
from tests.system.writer import PAUSE, KeyedWriter, Member, Writer

FILE_BYTES = 20_000
BATCH = 5
CONTRACT = Contracts.load()["WriteRequest"]


class XmlMember(Member):
    """The same person with a portal that writes XML."""

    def write(self, points: Sequence[Mapping[str, Any]], **headers: str) -> requests.Response:
        """One write, sent once."""
        body = CONTRACT.encode({"bucket": self.bucket, "points": points}, "application/xml")
        kind = {"Content-Type": "application/xml", "Accept": "application/json"}
        own = {**self.headers, **kind, **headers}
        return requests.post(f"{self.url}/timeseries/write", data=body, headers=own, timeout=10)


def ask(member: Member, method: str, path: str, **how: Any) -> requests.Response:
    """One request as that person, sent once."""
    return requests.request(method, member.url + path, headers=member.headers, timeout=10, **how)


class Deed(ABC):
    """Something done over and over; a subclass does it once and says whether it was acknowledged."""

    pause = 0.05

    def __init__(self, member: Member) -> None:
        self.member = member
        self.asked = self.refused = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @abstractmethod
    def once(self) -> bool:
        """Do it once; whether it was acknowledged."""

    def ask(self, method: str, path: str, **how: Any) -> requests.Response:
        """One request as that person, sent once."""
        return ask(self.member, method, path, **how)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.asked += 1
            try:
                well = self.once()
            except requests.RequestException:
                well = False
            self.refused += not well
            self._stop.wait(self.pause if well else PAUSE)


class Files(Deed):
    """Uploads, each of other bytes: the digest of each that was acknowledged, by its id."""

    pause = 0.2

    def __init__(self, member: Member) -> None:
        super().__init__(member)
        self.kept: dict[str, str] = {}
        self._chance = random.Random(8)

    def once(self) -> bool:
        content = self._chance.randbytes(FILE_BYTES)
        headers = {**self.member.headers, "Content-Type": "application/octet-stream"}
        url, name = f"{self.member.url}/media/upload", {"file_name": "storm.bin"}
        answer = requests.put(url, content, params=name, headers=headers, timeout=10)
        if answer.status_code == 201:
            self.kept[answer.json()["id"]] = hashlib.sha256(content).hexdigest()
        return answer.status_code == 201

    def differ(self, ids: Sequence[str]) -> list[str]:
        """Which of these files do not come back as they were sent."""
        return [it for it in ids if hashlib.sha256(self._download(it)).hexdigest() != self.kept[it]]

    def _download(self, item: str) -> bytes:
        link = self.member.answer("GET", f"/media/items/{item}/download").json()["url"]
        return self.member.answer("GET", target_of(link)).content


class Announced(Files):
    """The same files, each announced first and sent by a URL of its own."""

    pause = 1.0

    def once(self) -> bool:
        content = self._chance.randbytes(FILE_BYTES)
        item = announced(self.member, content, hashlib.sha256(content).hexdigest())
        if item is None:
            return False
        answer = self.ask("POST", f"/media/uploads/{item}/complete")
        if answer.status_code == 200:
            self.kept[item] = hashlib.sha256(content).hexdigest()
        return answer.status_code == 200


def announced(member: Member, content: bytes, sha256: str | None = None) -> str | None:
    """The id of a file that was announced, and whose bytes were sent; None where a step was not acknowledged."""
    said = {"file_name": "a.bin", "content_type": "application/octet-stream", "size": len(content)}
    ticket = ask(member, "POST", "/media/uploads", json=said if sha256 is None else {**said, "sha256": sha256})
    if ticket.status_code != 201:
        return None
    link = ticket.json()
    sent = requests.put(member.url + target_of(link["url"]), content, headers=link["headers"], timeout=10)
    return str(link["id"]) if sent.status_code == 201 else None


class Names(Deed):
    """A person who is renamed all the time: the last number that was sent, and the last that was acknowledged."""

    def __init__(self, member: Member) -> None:
        super().__init__(member)
        self.sent = self.acknowledged = 0

    def once(self) -> bool:
        self.sent += 1
        answer = self.ask("PUT", "/users/me", json={"full_name": f"Person {self.sent}"})
        if answer.status_code == 200:
            self.acknowledged = self.sent
        return answer.status_code == 200

    def stored(self) -> int:
        """The number that is stored."""
        return int(self.member.answer("GET", "/users/me").json()["full_name"].rpartition(" ")[2])


class Reads(Deed):
    """Queries, the organization, and the audit trail."""

    def once(self) -> bool:
        query = {"bucket": self.member.bucket, "measurement": "heart_rate", "limit": 100}
        query |= {"range_start": "2026-01-01T00:00:00Z", "range_stop": "2026-01-02T00:00:00Z"}
        answers = [
            self.ask("POST", "/timeseries/query", json=query),
            self.ask("GET", "/organization"),
            self.ask("GET", "/audit/events", params={"limit": "5"}),
        ]
        return all(answer.status_code == 200 for answer in answers)


class Load:
    """One client of each kind at once, with a writer for each format."""

    def __init__(self, member: Member) -> None:
        self.member = member
        portal = XmlMember(member.url, member.token, member.org_id)
        self.writers = [Writer(who, BATCH) for who in (member, portal)]
        self.files, self.names, self.keyed = Files(member), Names(member), KeyedWriter(member)
        self.announced = Announced(member)
        self.deeds: list[Deed] = [self.files, self.announced, self.names, Reads(member)]

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        for one in (*self.writers, *self.deeds, self.keyed):
            self._stack.enter_context(one)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def acknowledged(self) -> set[str]:
        """The times of all points that were acknowledged until now."""
        return set().union(*(writer.points.copy() for writer in self.writers))

    @property
    def events(self) -> set[str]:
        """The ids of the access events of all writes that were acknowledged until now."""
        return set().union(*(writer.events.copy() for writer in self.writers))

    def counts(self) -> tuple[int, int]:
        """How much was asked until now, and how much of it was not acknowledged."""
        lost = sum(len(it.unacknowledged) for it in self.writers)
        asked = sum(len(it.events) for it in self.writers) + lost + sum(it.asked for it in self.deeds)
        return asked, lost + sum(it.refused for it in self.deeds)


class Probe(Deed):
    """Somebody who needs nothing of what fails: how long each answer took, and which were no 200 (0: none came)."""

    pause = 0.05

    def __init__(self, member: Member, url: str) -> None:
        super().__init__(member)
        self._url = url
        self.seconds: list[float] = []
        self.wrong: list[int] = []

    def once(self) -> bool:
        began, status = time.monotonic(), 0
        try:
            status = requests.get(self._url, headers=self.member.headers, timeout=10).status_code
        finally:  # no answer at all is the worst one
            self.seconds.append(time.monotonic() - began)
            if status != 200:
                self.wrong.append(status)
        return status == 200

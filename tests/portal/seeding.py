"""An organization with people and heart rates, for the tests of the portal and its screenshots."""

import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import requests

from tests.servers import until

PASSWORD = "calm harbour 47"
NAMES = (
    "Ana García", "Bruno Ferreira", "Carla Ruiz", "David Okafor", "Elena Petrova", "Farid Haddad", "Grace Lindqvist",
    "Hugo Moreau", "Inés Navarro", "Jonas Weber", "Karima Benali", "Luis Ortega", "Marta Kowalska", "Nils Andersen",
    "Olivia Brandt", "Pablo Serrano", "Quim Vidal", "Rosa Delgado", "Samuel Adeyemi", "Teresa Costa",
)  # fmt: skip
HOUR = 3600


@dataclass
class Organization:
    """Where it is, who administers it, by address and number, and its people by number."""

    url: str
    admin: str
    org_id: int = 0
    number: int = 0
    token: str = ""
    people: dict[int, str] = field(default_factory=dict)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def post(self, path: str, document: object, status: int = 201) -> dict[str, object]:
        answer = requests.post(self.url + path, json=document, headers=self.bearer if self.token else {}, timeout=60)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else {}

    def add(self, name: str | None, email: str, role: str = "user") -> int:
        document = {"email": email, "password": PASSWORD, "role": role}
        made = self.post("/auth/register", document | ({"full_name": name} if name else {}))
        number = int(str(made["user_id"]))
        self.people[number] = email
        return number

    def rule(self, name: str, threshold: float, severity: str = "warning", **changes: object) -> str:
        """An alarm rule that is on, for heart rates above the threshold; one sample raises and ends. Returns its id."""
        document = {"name": name, "measurement": "heart_rate", "field": "bpm", "condition": "above"}
        document |= {"threshold": threshold, "severity": severity, "enabled": True}
        document |= {"for_seconds": 0, "clear_after_seconds": 0, **changes}
        return str(self.post("/alarms/rules", document)["id"])

    def alarms(self, **query: str) -> list[dict[str, object]]:
        answer = requests.get(f"{self.url}/alarms", query, headers=self.bearer, timeout=60)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    def wait_for_alarms(self, count: int) -> None:
        until(lambda: len(self.alarms()) >= count, f"{count} alarms were raised", seconds=60)

    def write(self, lines: Iterator[str]) -> None:
        """Send lines of line protocol with timestamps in seconds, 5,000 at a time."""
        batch: list[str] = []
        for line in lines:
            batch.append(line)
            if len(batch) == 5000:
                self._send(batch)
                batch = []
        if batch:
            self._send(batch)

    def _send(self, batch: list[str]) -> None:
        url = f"{self.url}/timeseries/write?bucket=org_{self.org_id}&precision=s"
        headers = {**self.bearer, "Content-Type": "text/plain"}
        answer = requests.post(url, "\n".join(batch).encode(), headers=headers, timeout=120)
        assert answer.status_code == 200, answer.text
        assert answer.json()["success"], answer.text[:400]


def found(url: str, email: str, name: str) -> Organization:
    """A new organization, with its first admin logged in."""
    organization = Organization(url, email)
    document = {"email": email, "password": PASSWORD, "organization_name": name, "full_name": "Dr. Lucía Martín"}
    made = organization.post("/auth/register", document)
    organization.org_id, organization.number = int(str(made["org_id"])), int(str(made["user_id"]))
    answer = organization.post("/auth/login", {"email": email, "password": PASSWORD}, 200)
    organization.token = str(answer["access_token"])
    return organization


def rates(person: int, start: float, stop: float, every: int, *, seed: int = 0, device: str = "watch") -> Iterator[str]:
    """A heart rate from `start` to `stop` in seconds since 1970: a daily rhythm, some exercise, some noise."""
    chance = random.Random(person * 1000 + seed)
    base = 58 + person * 7 % 22
    walk = 0.0
    for second in range(int(start), int(stop), every):
        day = second % 86_400 / HOUR
        awake = 8 * math.sin((day - 9) / 24 * 2 * math.pi) + 6
        training = 55 * math.exp(-(((day - 18.5) / 0.45) ** 2)) if (second // 86_400 + person) % 2 else 0
        walk = walk * 0.96 + chance.gauss(0, 1.6)
        yield f"heart_rate,user_id={person},device={device} bpm={base + awake + training + walk:.0f} {second}"


def spike(organization: Organization, person: int, *values: int) -> None:
    """Heart rates from now on, one a second: a rule that was made before applies to them."""
    now = int(time.time()) + 1
    organization.write(
        iter([f"heart_rate,user_id={person},device=watch bpm={value} {now + at}" for at, value in enumerate(values)])
    )


def ward(url: str, email: str = "admin@ward.example") -> Organization:
    """Four people: with a critical alarm, a warning, a warning that is over, and none."""
    organization = found(url, email, "Ward 3")
    now = time.time()
    domain = email.split("@")[1]
    people = [organization.add(name, f"{name.split()[0].lower()}@{domain}") for name in NAMES[:4]]
    for person in people:
        organization.write(rates(person, now - 3 * HOUR, now - 60, 30))
    organization.rule("Very high heart rate", 150, "critical")
    organization.rule("High heart rate", 115)
    spike(organization, people[0], 124, 131, 162, 171, 166)
    spike(organization, people[1], 118, 125, 128)
    spike(organization, people[2], 121, 119, 90)
    organization.wait_for_alarms(4)
    return organization


def clinic(url: str, email: str = "lucia.martin@clinic.example") -> Organization:
    """Twenty people in every state: recent, late, silent, out of range, without data."""
    organization = found(url, email, "Clínica Los Álamos")
    now = time.time()
    domain = email.split("@")[1]
    for index, name in enumerate(NAMES):
        person = organization.add(name, f"{name.split()[0].lower().replace('é', 'e')}.{index}@{domain}")
        if index == 3:
            continue  # never sent anything
        age = {5: 3 * HOUR, 8: 40 * 60, 11: 26 * HOUR, 14: 5 * 86_400}.get(index, 20 + index * 9)
        begin = now - (30 * 86_400 if index == 0 else 7 * HOUR + max(0, age - HOUR))
        if index == 0:  # with a gap, and another device for an hour
            organization.write(rates(person, begin, now - 7 * HOUR, 60))
            begin = now - 5 * HOUR
            organization.write(rates(person, now - 15 * HOUR, now - 14 * HOUR, 5, seed=1, device="strap"))
        organization.write(rates(person, begin, now - age, 60 if index == 0 else 30))
        if index == 6:
            organization.write(iter([f"heart_rate,user_id={person},device=watch bpm=322 {int(now - 15)}"]))
    return organization


def watched_clinic(url: str) -> Organization:
    """The clinic with rules, and alarms of three people that were raised now."""
    organization = clinic(url)
    organization.post("/alarms/rules/defaults", None, 200)
    organization.rule("Very high heart rate", 150, "critical")
    organization.rule("High heart rate", 115)
    people = list(organization.people)
    spike(organization, people[0], 96, 108, 124, 131, 148, 162, 171, 166, 158, 155, 153)
    spike(organization, people[4], 118, 125, 128, 121)
    spike(organization, people[9], 121, 119, 90, 82)
    organization.wait_for_alarms(4)
    over = next(it for it in organization.alarms() if it["user_id"] == people[9])
    organization.post(f"/alarms/{over['id']}/acknowledge", {"note": "Called: was on the stairs"}, 200)
    return organization


def crowd(organization: Organization, count: int) -> None:
    """Many more people with an hour of heart rate each."""
    now = time.time()
    for index in range(count):
        name = f"{NAMES[index % 20].split()[0]} {NAMES[index * 7 % 20].split()[1]} {index}"
        person = organization.add(name, f"member.{index}@crowd.example")
        organization.write(rates(person, now - HOUR, now - index * 7, 60))

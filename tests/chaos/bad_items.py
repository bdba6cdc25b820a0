"""Items that nobody can deal with, put into every queue again and again while programs fail."""

from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import psycopg2
import redis
import requests

from heartguard_common.audit.events import FIELD, STREAM
from heartguard_common.core.ids import uuid7
from heartguard_media.domain.items import object_key
from tests.chaos.good_items import REFUSED, Postbox
from tests.chaos.load import Deed, announced, ask
from tests.chaos.stores import Operator, Stores
from tests.clone import Clone
from tests.media_stack import target_of
from tests.servers import until
from tests.system.writer import Member

NOBODY = 900_000  # ids of people who never were begin here
SPOILED_FILES = 5
NO_EMAIL = "no ciphertext"
# What ends with an answer of its own: each code that is not "come again".
ANSWERS = {"other bytes": {"MEDIA_004"}, "vanished upload": {"MEDIA_013"}, "vanished file": {"MEDIA_001"}}
# Each queue with its service, and how its dead letters are named.
QUEUES = {
    "unreadable e-mail": ("auth", "mail"),
    "refused e-mail": ("auth", "mail"),
    "job": ("user", "deletions"),
    "outbox event": ("audit", "events"),
    "stream event": ("audit", "events"),
    "removal": ("media", "removals"),
}
FAILURE = """
INSERT INTO heartguard_core.dead_letters
    (id, service, queue, item, attempts, reason, failed_at, last_failed_at, due_at)
VALUES (gen_random_uuid(), %s, %s, %s, %s, 'put by a test', now(), now(), now())
"""


class BadItems(Deed):
    """One bad item of each kind, over and over; what of each kind was acknowledged.

    Letters and removals come with all their attempts but one behind them: those take hours.
    """

    pause = 1.0

    def __init__(self, clone: Clone, member: Member, patient: Member, patient_id: int) -> None:
        super().__init__(member)
        self._stores, self._numbers = Stores(clone), count()
        self._media = clone.layout.var / "media"
        self._patient, self._patient_id = patient, patient_id
        self.put: dict[str, list[str]] = defaultdict(list)
        self.answers: dict[str, Counter[str]] = defaultdict(Counter)
        self.vanished: set[str] = set()

    def once(self) -> bool:
        number = next(self._numbers)
        kinds: dict[str, Callable[[int], str | None]] = {
            "unreadable e-mail": self._unreadable_email,
            "refused e-mail": self._refused_email,
            "job": self._job,
            "outbox event": self._outbox_event,
            "stream event": self._stream_event,
            "removal": self._removal,
        }
        for kind, put in kinds.items():
            with suppress(psycopg2.Error, redis.RedisError, requests.RequestException):
                item = put(number)
                if item is not None:
                    self.put[kind].append(item)
        for upload in (self._other_bytes, self._vanished_upload, self._vanished_file):
            with suppress(requests.RequestException):
                upload()
        return True

    def _unreadable_email(self, _: int) -> str:
        item = uuid7()
        with self._stores.cursor() as cursor:
            cursor.execute(
                "INSERT INTO heartguard_core.mail_outbox (id, kind, sealed, created_at, due_at, expires_at)"
                " VALUES (%s, 'email', %s, now(), now(), now() + interval '1 day')",
                (item, NO_EMAIL),
            )
            cursor.execute(FAILURE, ("auth", "mail", item, 9))
        return item

    def _refused_email(self, number: int) -> str | None:
        invited = {"email": f"bob@{REFUSED}example{number}.org", "role": "user"}
        return invited["email"] if self.ask("POST", "/auth/invitations", json=invited).status_code == 201 else None

    def _job(self, number: int) -> str:
        item = uuid7()
        with self._stores.cursor() as cursor:
            # There is no step behind 100 percent; and this is its three hundredth attempt.
            cursor.execute(
                "INSERT INTO heartguard_core.jobs (id, kind, org_id, user_id, created_by, status, progress, attempts)"
                " VALUES (%s, 'user.delete', %s, %s, 'operator', 'running', 100, 299)",
                (item, self.member.org_id, NOBODY + number),
            )
        return item

    def _outbox_event(self, number: int) -> str:
        return str(
            self._stores.number(
                "INSERT INTO heartguard_core.audit_outbox (event) VALUES (%s) RETURNING id", f"no event {number}"
            )
        )

    def _stream_event(self, number: int) -> str:
        with closing(self._stores.valkey()) as client:
            return bytes(client.xadd(STREAM, {FIELD: b"\xff\x00 no event %d" % number})).decode()

    def _removal(self, _: int) -> str:
        item = uuid7()
        # A directory can't be unlinked.
        self._object(item).mkdir(parents=True)
        with self._stores.cursor() as cursor:
            cursor.execute(
                "INSERT INTO heartguard_core.media_items"
                " (id, org_id, owner_id, file_name, content_type, status, created_at)"
                " VALUES (%s, %s, %s, 'x', 'text/plain', 'retired', now())",
                (item, self.member.org_id, self._patient_id),
            )
            cursor.execute(FAILURE, ("media", "removals", item, 11))
        return item

    def _object(self, item: str) -> Path:
        return self._media / object_key(self.member.org_id, self._patient_id, item)

    def _other_bytes(self) -> None:
        if item := announced(self._patient, b"abc", "0" * 64):
            self._answered("other bytes", ask(self._patient, "POST", f"/media/uploads/{item}/complete"))

    def _vanished_upload(self) -> None:
        if item := announced(self._patient, b"abc"):
            self._object(item).unlink()
            self._answered("vanished upload", ask(self._patient, "POST", f"/media/uploads/{item}/complete"))
            ask(self._patient, "DELETE", f"/media/uploads/{item}")

    def _vanished_file(self) -> None:
        if len(self.vanished) == SPOILED_FILES:
            return
        headers = {**self._patient.headers, "Content-Type": "application/octet-stream"}
        url = f"{self._patient.url}/media/upload?file_name=x.bin"
        sent = requests.put(url, b"abc", headers=headers, timeout=10)
        if sent.status_code == 201:
            item = sent.json()["id"]
            self._object(item).unlink()
            self.vanished.add(item)
            link = ask(self._patient, "GET", f"/media/items/{item}/download")
            if link.status_code == 200:
                self._answered("vanished file", ask(self._patient, "GET", target_of(link.json()["url"])))

    def _answered(self, kind: str, answer: requests.Response) -> None:
        if answer.status_code < 500:
            self.answers[kind][answer.json()["error"]["code"] if answer.status_code >= 400 else "200"] += 1

    # What has become of them.

    def require_dead(self, operator: Operator) -> None:
        """Return when each is given up, is shown to the operator, and is counted."""
        removals = operator.dead_letters("media", "removals", "retrying")
        if removals:
            # The sweeper comes every quarter of an hour, or when the operator has something tried again.
            operator.retry("media", removals[0])
            self.put["removal"] = [item for item in self.put["removal"] if item != removals[0]["item"]]
        until(lambda: not self.alive(operator), "the end of all bad items", 30)
        for service, queue in set(QUEUES.values()):
            listed = len(operator.dead_letters(service, queue))
            assert operator.counted(service, queue) == listed, (service, queue)
        assert {kind: set(found) for kind, found in self.answers.items()} == ANSWERS

    def alive(self, operator: Operator) -> dict[str, int]:
        """How many of each kind are not given up."""
        dead = {queue: operator.dead_letters(*queue) for queue in set(QUEUES.values())}
        refused = sum(letter["reason"].startswith("SMTP 550") for letter in dead["auth", "mail"])
        left = {"refused e-mail": max(0, len(self.put["refused e-mail"]) - refused)}
        for kind, queue in QUEUES.items():
            if kind != "refused e-mail":
                left[kind] = len(set(self.put[kind]) - {letter["item"] for letter in dead[queue]})
        return {kind: number for kind, number in left.items() if number}

    def mend(self, operator: Operator, box: Postbox) -> None:
        """Mend the cause of one of each queue, have it tried again, and return when it has gone its way."""
        job, removal = self.put["job"][0], self.put["removal"][0]
        with self._stores.cursor() as cursor:
            cursor.execute("UPDATE heartguard_core.jobs SET progress = 75 WHERE id = %s", (job,))
        self._object(removal).rmdir()
        box.takes_all = True
        (refused, *_) = [it for it in operator.dead_letters("auth", "mail") if it["reason"].startswith("SMTP 550")]
        event = operator.dead_letters("audit", "events")[0]
        for item, queue in ((job, QUEUES["job"]), (removal, QUEUES["removal"])):
            (letter,) = [it for it in operator.dead_letters(*queue) if it["item"] == item]
            operator.retry(queue[0], letter)
        operator.retry("auth", refused)
        operator.retry("audit", event)
        done = "SELECT count(*) FROM heartguard_core.jobs WHERE id = %s AND status = 'done'"
        until(lambda: self._stores.number(done, job) == 1, "the job that was mended")
        gone = "SELECT count(*) FROM heartguard_core.media_items WHERE id = %s"
        until(lambda: self._stores.number(gone, removal) == 0, "the file that was mended")
        until(lambda: any(REFUSED in it for it in box.recipients), "the e-mail that is taken now")
        # A line that is no event can't be mended: it is judged again, and is none.
        until(lambda: operator.dead_letters("audit", "events")[-1]["id"] > event["id"], "the judgement of the event")

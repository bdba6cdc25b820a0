"""Items of queues that must arrive beside bad ones: e-mails and archives."""

from collections import Counter
from contextlib import ExitStack
from itertools import count
from typing import Self

from tests.chaos.load import Deed
from tests.chaos.stores import Stores
from tests.mail import Mailbox
from tests.media_stack import target_of
from tests.servers import until
from tests.system.writer import Member

REFUSED = "gone."


class Postbox(Mailbox):
    """A mail server that refuses recipients whose domain begins with `REFUSED`, until it `takes_all`."""

    def __init__(self, port: int | None = None) -> None:
        super().__init__(port)
        self.takes_all = False

    async def handle_RCPT(self, *call):  # type: ignore[no-untyped-def]  # noqa: N802  the library's name
        if not self.takes_all and REFUSED in call[3]:
            return "550 there is nobody of that name"
        return await super().handle_RCPT(*call)


class Letters(Deed):
    """Invitations; every third one to an address that Python's header parser takes for an encoded word."""

    pause = 0.5

    def __init__(self, member: Member, box: Postbox, stores: Stores) -> None:
        super().__init__(member)
        self._box, self._stores, self._numbers = box, stores, count()
        self.acknowledged: set[str] = set()

    def once(self) -> bool:
        number = next(self._numbers)
        email = f"=??q?a_?=@x{number}.example" if number % 3 == 0 else f"ana{number}@good.example"
        answer = self.ask("POST", "/auth/invitations", json={"email": email, "role": "user"})
        if answer.status_code == 201:
            self.acknowledged.add(email)
        return answer.status_code == 201

    def missing(self) -> set[str]:
        """Those that have not arrived."""
        return self.acknowledged.copy() - set(self._box.recipients)

    def in_time(self) -> bool:
        """Whether each has arrived, but for those that a killed sender had just taken: they rest for its lease."""
        missing = len(self.missing())
        return missing <= self._stores.number(_LEASED)

    def release(self) -> int:
        """End the leases, as five minutes would; returns how many there were."""
        return self._stores.number(f"WITH released AS ({_RELEASE} RETURNING 1) SELECT count(*) FROM released")

    def doubled(self) -> int:
        """How many came more often than once."""
        return sum(times - 1 for times in Counter(self._box.recipients).values())


_WHERE = """
due_at > now() AND due_at < 'infinity' AND NOT done
AND id::text NOT IN (SELECT item FROM heartguard_core.dead_letters WHERE service = 'auth' AND queue = 'mail')
"""
_LEASED = f"SELECT count(*) FROM heartguard_core.mail_outbox WHERE {_WHERE}"
_RELEASE = f"UPDATE heartguard_core.mail_outbox SET due_at = now() WHERE {_WHERE}"


class Exports(Deed):
    """One archive of a person's data after the other."""

    pause = 0.3

    def __init__(self, member: Member) -> None:
        super().__init__(member)
        self.done: list[str] = []
        self.failed: list[str] = []
        self._open: str | None = None

    def once(self) -> bool:
        if self._open is None:
            answer = self.ask("POST", "/users/me/export")
            if answer.status_code == 202:
                self._open = answer.headers["Location"]
            return answer.status_code == 202
        answer = self.ask("GET", self._open)
        if answer.status_code == 200 and answer.json()["status"] in ("done", "failed"):
            (self.done if answer.json()["status"] == "done" else self.failed).append(self._open)
            self._open = None
        return answer.status_code == 200

    def last(self) -> bytes:
        """The newest archive, once it is made."""
        until(lambda: self._open is None or (self.once() and self._open is None), "the last archive")
        link = self.member.answer("GET", self.done[-1]).json()["result_url"]
        return self.member.answer("GET", target_of(link)).content


class Queues:
    """Letters of an admin and archives of a patient, one after the other while it is entered."""

    def __init__(self, emails: Letters, exports: Exports) -> None:
        self.emails, self.exports = emails, exports

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        for one in (self.emails, self.exports):
            self._stack.enter_context(one)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def require_arrived(self, seconds: float) -> None:
        """Return when each e-mail until now has arrived, and another archive is made. Raises TimeoutError."""
        archives = len(self.exports.done)
        until(lambda: len(self.exports.done) > archives, "another archive", seconds)
        until(self.emails.in_time, "all letters", seconds)
        assert self.exports.failed == []

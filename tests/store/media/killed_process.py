"""A program that does one thing with media and is killed at a given step.

It reads one JSON line for each run and forks for it. A step is a call of a port, before and after; a block of a body;
and, inside of the stores, whatever Python's audit events show of files and of HTTP (PEP 578). SIGKILL leaves no time
for any handler. It answers with one JSON line: whether the run was killed, and what it had acknowledged before.
"""

import json
import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

from heartguard_common.core.clock import SystemClock
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority_store import PostgresAuthority
from heartguard_common.jobs.dead_letter_store import PostgresDeadLetters
from heartguard_common.stores.database import Database
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_media.domain.items import Upload
from heartguard_media.store.archives import PostgresArchives
from heartguard_media.store.gcs import open_bucket
from heartguard_media.store.items import PostgresItems
from heartguard_media.store.local import LocalStore
from heartguard_media.usecases import MediaUseCases, Rules, Stores
from heartguard_media.usecases.direct_uploads import Link
from tests.gcs import BUCKET

CONTENT = [b"heart", b"beat " * 1000, b"end"]
SIZE = sum(map(len, CONTENT))
QUOTA = 10**8
RULES = Rules(10**6, 10**6, 60, "s" * 32, "http://x", ("*/*",))
EVENTS = frozenset({"open", "os.mkdir", "os.link", "os.rename", "os.remove", "http.client.send"})


class Steps:
    """Counts steps, and dies at one of them."""

    def __init__(self, last: int) -> None:
        self._left = last
        self.armed = False
        sys.addaudithook(lambda event, _: self.step() if event in EVENTS else None)

    def step(self) -> None:
        if self.armed:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, port):
        """A port whose every call is two steps."""
        steps = self

        class Watched:
            def __getattr__(self, name):
                def call(*arguments, **named):
                    steps.step()
                    result = getattr(port, name)(*arguments, **named)
                    steps.step()
                    return result

                return call

        return Watched()

    def blocks(self):
        for block in CONTENT:
            self.step()
            yield block


def objects_of(order):
    return LocalStore(Path(order["directory"])) if order["directory"] else open_bucket(BUCKET, None, order["gcs"])


class EverythingIsOld:
    """A store in which all objects are old enough for the sweeper."""

    def __init__(self, objects):
        self._objects = objects

    def __getattr__(self, name):
        return getattr(self._objects, name)

    def older_than(self, _):
        return self._objects.older_than(-60)


def media_of(order, around):
    """Media over the real stores, each inside of `around`."""
    pool, apart = Database(order["database"], pool_size=1), Database(order["database"], pool_size=1)
    limits = PostgresLimits(apart, SystemClock(), {"media_bytes": QUOTA})
    items = PostgresItems(pool, apart, limits, SystemClock())
    audit = SimpleNamespace(changed=lambda *_, **__: None)
    objects = EverythingIsOld(objects_of(order))
    archives = PostgresArchives(Database(order["database"], pool_size=1))
    stores = Stores(
        items=around(items),
        objects=around(objects),
        audit=audit,
        clock=SystemClock(),
        archives=archives,
        transaction=nullcontext,
        authority=PostgresAuthority(pool),
        dead_letters=PostgresDeadLetters("media", Database(order["database"], pool_size=1), SystemClock()),
    )
    return MediaUseCases.over(RULES, stores)


def upload(media, who, steps, _):
    sent = Upload("x", "text/plain", 10**6)
    return media.uploads.stream(who, sent, steps.blocks()).id


def announced(media, who, steps, _):
    item, ticket, _ = media.direct_uploads.announce(who, Upload("x", "text/plain", 10**6, SIZE))
    query = dict(pair.split("=") for pair in ticket.url.partition("?")[2].split("&"))
    link = Link(item.id, int(query["expires"]), query["signature"], "text/plain", SIZE)
    media.direct_uploads.receive(link, steps.blocks())
    return media.direct_uploads.complete(who, item.id).id


def delete(media, who, _, order):
    media.removal.delete(who, order["item"])
    return order["item"]


def erase(media, who, _, order):
    return media.removal.erase(who, who.org_id, order["owner"])[0]


def sweep(media, *_):
    return media.removal.sweep()


DEEDS = {deed.__name__: deed for deed in (upload, announced, delete, erase, sweep)}


def run(order, said):
    """One run in a process of its own; does not return."""
    steps = Steps(order["step"])
    who = Principal("person", **order["who"])
    media = media_of(order, steps.around)
    steps.armed = True
    result = DEEDS[order["deed"]](media, who, steps, order)
    steps.armed = False
    os.write(said, json.dumps(result).encode())
    os._exit(0)


def main() -> None:
    for line in sys.stdin:
        hear, said = os.pipe()
        child = os.fork()
        if child == 0:
            run(json.loads(line), said)
        os.close(said)
        _, status = os.waitpid(child, 0)
        words = os.read(hear, 4096)
        os.close(hear)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        answer = {"killed": killed, "status": status, "said": json.loads(words) if words else None}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

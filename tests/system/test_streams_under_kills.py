"""The stream process, Valkey, the gateway, the influx service and clients are killed while points are written.

What each client received, with what it queried after a `reset`, is what is stored; and nothing was shown that is not.
"""

import threading
from typing import Self

import pytest
import requests

from heartguard_client import ApiKey, Client, HeartGuardError
from tests.clone import Clone
from tests.servers import until
from tests.system.killing import SECONDS, clone, first, kill_in_turn, member, whole
from tests.system.writer import Member, Writer

__all__ = ["clone", "member"]

KILLS = (("stream", first), ("valkey", first), ("gateway", whole), ("influx", whole))
ROUND_SECONDS = 20
EVER, AFTER = "1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
pytestmark = pytest.mark.timeout(900 + 4 * SECONDS)


class Watcher:
    """A client that shows points: those of its stream, and after a reset those of a query.

    `patience`: after so many events it is killed, and another one goes on from its last id.
    """

    def __init__(self, member: Member, patience: int = 0) -> None:
        self._member, self._patience, self._stop = member, patience, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.shown: set[str] = set()
        self.queried: set[str] = set()
        self.begun, self._last = False, ""
        self.resets = self.restarts = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with Client(self._member.url, ApiKey(self._member.token)) as client:
                    self._watch(client)
            except (HeartGuardError, requests.RequestException):
                self.restarts += 1

    def _watch(self, client: Client) -> None:
        for place, event in enumerate(client.stream(last_event_id=self._last), 1):
            if self._stop.is_set():
                break
            if event.name == "points":
                self.shown.update(point["time"] for point in event.document["points"])
            if event.name == "reset" or not self._last:
                self.resets += event.name == "reset"
                self.queried |= self._member.stored(EVER, AFTER)
                self.begun = True
            self._last = event.id  # not before the query: a client that is killed until then is told `reset` again
            if self._patience and place >= self._patience:
                self.restarts += 1
                break


def test_what_was_received_is_what_is_stored_or_a_reset_said_so(clone: Clone, member: Member) -> None:
    kills = KILLS * max(1, int(SECONDS // ROUND_SECONDS))
    watchers = [Watcher(member), Watcher(member), Watcher(member, patience=15)]
    with watchers[0], watchers[1], watchers[2], Writer(member) as writer:
        until(lambda: all(it.begun for it in watchers), "every stream", 60)
        kill_in_turn(clone, kills, SECONDS)
        writer.wait_for(5)
        writer.__exit__()
        stored = member.stored(EVER, AFTER)
        for watcher in watchers:
            until(lambda watcher=watcher: stored <= watcher.shown | watcher.queried, "all that is stored is known", 60)
        assert set.union(*(it.shown for it in watchers)) <= stored
    print(f"{len(kills)} kills, {len(stored)} points, resets and restarts of the clients:", end=" ")
    print([(it.resets, it.restarts, len(it.shown)) for it in watchers])

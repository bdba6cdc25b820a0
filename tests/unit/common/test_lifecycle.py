"""Dependencies are pinged within a second, also when they hang, and closed once, in reverse order."""

import threading
import time

from heartguard_common.core.lifecycle import PING_SECONDS, Lifecycle, Resource, readiness_document
from tests.servers import until


def no_ping(_: object) -> None:
    """Always ready."""


def failing(_: object) -> None:
    raise ConnectionError


def test_resources_are_opened_pinged_and_closed_in_order() -> None:
    done: list[str] = []
    lifecycle = Lifecycle()
    for name in ("a", "b"):
        made = lifecycle.open(
            Resource(
                name,
                lambda name=name: name,
                lambda it: done.append(f"ping {it}"),
                lambda it: done.append(f"close {it}"),
            )
        )
        assert made == name
    lifecycle.on_close(lambda: done.append("close last"))
    assert [(health.name, health.ok) for health in lifecycle.readiness()] == [("a", True), ("b", True)]
    assert sorted(done) == ["ping a", "ping b"]
    lifecycle.close()
    lifecycle.close()
    assert done[2:] == ["close last", "close b", "close a"]


def test_a_failing_ping_is_not_ready() -> None:
    lifecycle = Lifecycle()
    lifecycle.open(Resource("good", str, no_ping))
    lifecycle.open(Resource("bad", str, failing))
    document = readiness_document(lifecycle.readiness())
    assert document["status"] == "unavailable"
    assert [(item["name"], item["status"]) for item in document["dependencies"]] == [("good", "ok"), ("bad", "failed")]


def test_hanging_pings_take_one_second_together_and_are_not_repeated() -> None:
    """Pinged one after the other, or again each time, they would take half a minute."""
    many = 30
    release = threading.Event()
    pings: list[str] = []

    def hang(name: str) -> None:
        pings.append(name)
        release.wait(60)

    lifecycle = Lifecycle()
    names = [f"{number:02}" for number in range(many)]
    for name in names:
        lifecycle.open(Resource(name, lambda name=name: name, hang))
    started = time.monotonic()
    assert not any(health.ok for health in lifecycle.readiness())
    assert time.monotonic() - started > 0.9 * PING_SECONDS
    for _ in range(many):
        assert not any(health.ok for health in lifecycle.readiness())
    assert time.monotonic() - started < many * PING_SECONDS / 2
    assert sorted(pings) == names
    release.set()
    until(lambda: all(health.ok for health in lifecycle.readiness()), "every ping answered")


def test_parallel_readiness_requests_share_a_ping() -> None:
    entered, release = threading.Event(), threading.Event()
    pings: list[int] = []

    def slow(_: object) -> None:
        pings.append(1)
        entered.set()
        release.wait(30)

    lifecycle = Lifecycle()
    lifecycle.open(Resource("slow", str, slow))
    answers: list[bool] = []
    threads = [threading.Thread(target=lambda: answers.append(lifecycle.readiness()[0].ok)) for _ in range(4)]
    threads[0].start()
    assert entered.wait(60)
    for thread in threads[1:]:
        thread.start()
    release.set()
    for thread in threads:
        thread.join()
    assert answers == [True] * 4
    assert len(pings) < 5

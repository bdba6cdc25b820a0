"""The demo: the recording as live data, and which organizations are made and deleted."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heartguard_cli.demo.organization import DemoOrganization, DemoState
from heartguard_cli.demo.player import Player
from heartguard_cli.demo.recording import Recording
from heartguard_cli.errors import CommandError
from heartguard_common.core.paths import REPO_ROOT

NOON = 1_796_040_000.0  # 2026-11-30T12:00:00Z
DAY = 86_400.0


@pytest.fixture(scope="module")
def recording() -> Recording:
    return Recording(REPO_ROOT / "examples" / "recording.csv")


def test_steps_give_each_beat_once(recording: Recording) -> None:
    whole = list(recording.between(NOON, NOON + 900, 1))
    steps = [beat for step in range(180) for beat in recording.between(NOON + 5 * step, NOON + 5 * step + 5, 1)]
    assert steps == whole
    assert 1_000 < len(whole) < 1_600  # the recording lasts eleven minutes
    assert whole[0][0].startswith("2026-11-30T12:00:0")
    assert whole != list(recording.between(NOON, NOON + 900, 2))
    assert list(recording.between(NOON, NOON, 1)) == []


class Organizations:
    """Organizations of a system that may be away."""

    def __init__(self) -> None:
        self.alive: set[int] = set()
        self.made = 0
        self.played: list[tuple[int, float]] = []
        self.failing: str | None = None

    def _may(self, what: str) -> None:
        if self.failing == what:
            raise CommandError(what)

    def found(self, date: str) -> DemoOrganization:
        self._may("found")
        self.made += 1
        self.alive.add(self.made)
        return DemoOrganization(self.made, "a@demo.example", "secret", date)

    def fill(self, made: DemoOrganization, now: float) -> DemoOrganization:  # noqa: ARG002
        self._may("fill")
        return replace(made, key="key", people=(1, 2))

    def play(self, demo: DemoOrganization, begin: float, end: float) -> int:
        self._may("play")
        self.played.append((demo.org_id, end - begin))
        return 1

    def delete(self, demo: DemoOrganization) -> None:
        self._may("delete")
        self.alive.discard(demo.org_id)


class Demo:
    """A player with a clock that is moved by hand."""

    def __init__(self, directory: Path) -> None:
        self.now = NOON
        self.file = directory / "demo.json"
        self.said: list[str] = []
        self.organizations = Organizations()
        self.steps = self.start()

    def start(self) -> Iterator[None]:
        organizations: Any = self.organizations
        return Player(organizations, self.file, self.said.append, lambda: self.now).run(lambda _: None)

    def step(self, seconds: float = 5.0) -> None:
        self.now += seconds
        next(self.steps)


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    return Demo(tmp_path)


def test_every_day_has_an_organization_of_its_own(demo: Demo) -> None:
    demo.step()
    demo.step()
    assert (demo.organizations.alive, demo.organizations.played) == ({1}, [(1, 5.0)])
    demo.step(DAY)
    assert demo.organizations.alive == {2}
    assert demo.file.stat().st_mode & 0o777 == 0o600
    demo.steps = demo.start()  # a program that starts again goes on with it
    demo.step()
    assert (demo.organizations.alive, demo.organizations.made) == ({2}, 2)


def test_what_was_not_completed_is_deleted(demo: Demo) -> None:
    demo.organizations.failing = "fill"
    demo.step()
    demo.step()
    assert demo.organizations.alive == {1, 2}
    demo.organizations.failing = None
    demo.step()
    assert demo.organizations.alive == {3}
    assert demo.said == ["fill", "organization 3 is the demo of 2026-11-30"]


def test_visitors_keep_the_demo_while_a_new_one_can_not_be_made(demo: Demo) -> None:
    demo.step()
    demo.organizations.failing = "found"
    demo.step(DAY)
    current = DemoState.read(demo.file).current
    assert current is not None
    assert (current.org_id, demo.organizations.alive) == (1, {1})


def test_a_failed_deletion_is_tried_again(demo: Demo) -> None:
    demo.step()
    demo.organizations.failing = "delete"
    demo.step(DAY)
    assert demo.organizations.alive == {1, 2}
    demo.organizations.failing = None
    demo.step()
    assert demo.organizations.alive == {2}


def test_a_long_pause_leaves_a_gap(demo: Demo) -> None:
    demo.step()
    demo.step(3 * 3600.0)
    assert demo.organizations.played[-1] == (1, 600.0)

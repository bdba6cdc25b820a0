"""Plays the recording as live data, and makes the demo anew every night."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from heartguard_cli.demo.organization import DemoOrganizations, DemoState
from heartguard_cli.errors import CommandError

STEP_SECONDS = 5.0
LATEST_SECONDS = 600.0
"""How much is played at once after a pause; what is older stays a gap."""
Say = Callable[[str], object]


class Player:
    """The demo of one system; its state is in a file."""

    def __init__(
        self, organizations: DemoOrganizations, file: Path, say: Say, now: Callable[[], float] = time.time
    ) -> None:
        self._organizations = organizations
        self._file = file
        self._say = say
        self._now = now
        self._played = now()

    def reset(self) -> None:
        """Make a new demo, and delete the one before. Visitors see the new one as soon as it is complete."""
        state = DemoState.read(self._file)
        made = self._organizations.found(self._today())
        state = replace(state, ending=(*state.ending, made))  # so that it is deleted if this program ends now
        state.write(self._file)
        self._played = self._now()
        filled = self._organizations.fill(made, self._played)
        before = () if state.current is None else (state.current,)
        ending = (*(it for it in state.ending if it.org_id != made.org_id), *before)
        DemoState(filled, ending).write(self._file)
        self._say(f"organization {filled.org_id} is the demo of {filled.date}")
        self._delete_former()

    def step(self) -> None:
        """Play what is due; at the first call of a day make a new demo."""
        state = DemoState.read(self._file)
        if state.current is None or state.current.date != self._today():
            self.reset()
            return
        now = self._now()
        self._organizations.play(state.current, max(self._played, now - LATEST_SECONDS), now)
        self._played = now
        if state.ending:
            self._delete_former()

    def end(self) -> None:
        """Delete the demo."""
        state = DemoState.read(self._file)
        current = () if state.current is None else (state.current,)
        DemoState(None, (*state.ending, *current)).write(self._file)
        self._delete_former()

    def run(self, pause: Callable[[float], object] = time.sleep) -> Iterator[None]:
        """Play until stopped, one step for each item; what fails is said, and tried again."""
        said = ""
        while True:
            problem = ""
            try:
                self.step()
            except CommandError as error:
                problem = str(error)
            if problem and problem != said:
                self._say(problem)
            said = problem
            yield
            pause(STEP_SECONDS)

    def _delete_former(self) -> None:
        for former in DemoState.read(self._file).ending:
            with suppress(CommandError):  # tried again at the next step
                self._organizations.delete(former)
                state = DemoState.read(self._file)
                replace(state, ending=tuple(it for it in state.ending if it.org_id != former.org_id)).write(self._file)

    def _today(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).date().isoformat()

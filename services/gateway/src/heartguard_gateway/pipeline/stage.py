"""What a stage of the pipeline is: a function, and the fields of the exchange that it reads and sets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from heartguard_gateway.domain import Exchange
from heartguard_gateway.ports import Ports

Run: TypeAlias = Callable[[Exchange, Ports], None]


@dataclass(frozen=True)
class Stage:
    """One step: the fields of the exchange it reads (`needs`), and those it sets (`adds`)."""

    name: str
    run: Run
    needs: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()

    @property
    def closing(self) -> bool:
        """Whether it works on a reply; all other stages work only as long as there is none."""
        return "reply" in self.needs


def stage(*, needs: tuple[str, ...] = (), adds: tuple[str, ...] = ()) -> Callable[[Run], Stage]:
    """Make a stage of a function, under the function's name."""
    return lambda run: Stage(run.__name__, run, needs, adds)

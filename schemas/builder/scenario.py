"""What `services/cli/validate/scenario.toml` declares: the rows that no declaration of a route can say."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "services" / "cli" / "validate" / "scenario.toml"


class ScenarioError(Exception):
    """The scenario does not fit the routes, or is written wrongly."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One row, or one in each format; the head of scenario.toml explains the members. Empty: as the route says."""

    route: str = ""
    method: str = ""
    path: str = ""
    query: str = ""
    caller: str = ""
    when: str = ""
    only: str = ""
    accept: str = ""
    header: str = ""
    body: str = ""
    text: str = ""
    json: str = ""
    xml: str = ""
    type: str = ""
    gives: str = ""
    status: int = 0
    refused: str = ""
    problem: bool = False
    check: tuple[str, ...] = ()
    keep: str = ""
    forget: str = ""
    before: str = ""


@dataclass(frozen=True)
class Scenario:
    """The whole file. `values` are samples of the values of a run, by name; `always` are checks by message."""

    values: Mapping[str, str]
    always: Mapping[str, tuple[str, ...]]
    steps: tuple[Step, ...]
    extra: tuple[Step, ...]
    closing: tuple[Step, ...]

    @property
    def called(self) -> set[str]:
        """The ids of the routes that a step calls as it is meant; the others get their rows from their declaration."""
        return {step.route for step in (*self.steps, *self.closing) if step.route}


def load(file: Path = FILE) -> Scenario:
    """Read the file. Raises ScenarioError for a member that is unknown or has another type."""
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    if unknown := document.keys() - {"values", "always", "step", "extra", "closing"}:
        raise ScenarioError(f"{file.name} has unknown tables: {', '.join(sorted(unknown))}")
    parts = {name: tuple(_step(entry) for entry in document[name]) for name in ("step", "extra", "closing")}
    return Scenario(
        values={name: str(value) for name, value in document["values"].items()},
        always={name: tuple(checks) for name, checks in document["always"].items()},
        steps=parts["step"],
        extra=parts["extra"],
        closing=parts["closing"],
    )


def _step(entry: Mapping[str, Any]) -> Step:
    types = {field.name: type(field.default) for field in dataclasses.fields(Step)}
    made: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    wrong = [name for name, value in made.items() if not isinstance(value, types.get(name, ()))]
    if wrong or not (entry.get("route") or entry.get("path")):
        raise ScenarioError(f"a step is written wrongly ({', '.join(wrong) or 'it has no route'}): {dict(entry)}")
    return Step(**made)

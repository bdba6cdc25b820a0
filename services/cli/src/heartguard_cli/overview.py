"""What runs: each service, where it answers, whether it is ready, what it depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import click

from heartguard_cli import locks, readiness
from heartguard_cli.programs import System
from heartguard_common.command_line.terminal import show_table
from heartguard_common.core.registry import SERVICES

HEADINGS = ("service", "URL", "state", "depends on")
STYLES = {"ready": "green", "not ready": "yellow", "down": "red"}
Answers: TypeAlias = dict[str, readiness.Readiness]


@dataclass(frozen=True)
class ServiceState:
    """One service: `state` is `ready`, `not ready`, `down` or what Docker says.

    `depends_on` maps names to `ok`, `unknown`, or `failed` with the reason where the service knows it.
    """

    service: str
    url: str
    state: str
    depends_on: Mapping[str, str]


def ask(system: System) -> Answers:
    """What the `/ready` of every service answers; one that does not run here is not asked.

    Another program may have its port, such as the same service of another directory.
    """
    running = locks.running(system.layout, tuple(SERVICES))
    answers = readiness.ask_all({name: f"{system.url(name)}{SERVICES[name].prefix}/ready" for name in running})
    return {name: answers.get(name, readiness.NO_ANSWER) for name in SERVICES}


def states(system: System, answers: Answers) -> list[ServiceState]:
    """The answers as rows of the table."""
    found = []
    for name, service in SERVICES.items():
        answer = answers[name]
        state = "ready" if answer.ready else "not ready" if answer.reached else "down"
        known = answer.dependencies or dict.fromkeys(service.depends, "unknown")
        depends_on = {it: answer.failure(it) if status == "failed" else status for it, status in known.items()}
        found.append(ServiceState(name, system.url(name) + service.prefix, state, depends_on))
    return found


def show(found: Sequence[ServiceState]) -> None:
    """Print the table."""
    rows = [(it.service, it.url, it.state, _dependencies(it.depends_on)) for it in found]
    show_table(HEADINGS, rows, indent=2, styles=STYLES)


def show_next_steps(gateway: str) -> None:
    """Print what to open in a browser and what to try after a start; `gateway` is the URL that people use."""
    steps = (
        ("Open", f"{gateway}/", "what runs here, in English or Spanish"),
        ("", f"{gateway}/portal/", "the portal: people, alarms, files, settings"),
        ("", f"{gateway}/docs", "the API: search, samples, requests that you can send"),
        ("Try", "./demo.sh", "send a real recording of a heart rate and read it back"),
        ("", "./heartguard demo run", "let visitors see it live, once DEMO_ENABLED=on is in .env"),
        ("", "./validate_endpoints.sh", "call every endpoint in JSON and XML"),
        ("", "./heartguard status", "this table again; --help lists the operator's commands"),
        ("Stop", "./stop_services.sh", "the data stays in var/"),
    )
    width = max(len(what) for _, what, _ in steps)
    click.echo()
    for word, what, meaning in steps:
        click.echo(f"  {word:<4}  {what:<{width}}  {meaning}")


def _dependencies(states: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({state})" if state.startswith("failed") else name for name, state in states.items())

"""A log line as a person reads it, in colours."""

import json
from collections.abc import Mapping
from typing import Any

import click

from heartguard_cli.service_logs import PROGRAMS, LogLine

COLORS = {"debug": "bright_black", "warning": "yellow", "error": "red", "critical": "red"}
WIDTH = max(map(len, PROGRAMS))
SHOWN_APART = frozenset(
    {
        *("timestamp", "level", "service", "request_id", "gateway_request_id", "message", "stack"),
        *("method", "path", "route", "status", "latency_ms", "user_id", "org_id", "code"),
    }
)


def day_of(line: LogLine) -> str:
    """The day of a line, in UTC."""
    return line.at.partition("T")[0]


def text_of(line: LogLine) -> str:
    """The line with the time of its day; a stack follows below."""
    if line.document is None:
        return f"{'':12}  {line.program:<{WIDTH}}  {click.style(_visible(line.text), dim=True)}"
    document = line.document
    clock = line.at.partition("T")[2][:12].ljust(12)
    level = str(document.get("level", ""))
    said = _request(document) if "method" in document else _message(document, level)
    request_id = document.get("request_id")
    identity = f"  {click.style(_visible(str(request_id)), dim=True)}" if request_id else ""
    stack = "".join(
        f"\n{'':14}{click.style(_visible(it), dim=True)}" for it in str(document.get("stack", "")).splitlines()
    )
    return f"{click.style(clock, dim=True)}  {line.program:<{WIDTH}}  {said}{identity}{stack}"


def _request(document: Mapping[str, Any]) -> str:
    status = int(document.get("status") or 0)
    color = "red" if status >= 500 else "yellow" if status >= 400 else "green"
    words = [
        f"{_visible(str(document['method']))} {_visible(str(document.get('path')))}",
        click.style(str(status), fg=color, bold=True),
        f"{document.get('latency_ms')} ms",
    ]
    if code := document.get("code"):
        words.append(click.style(_visible(str(code)), fg=color))
    if user := document.get("user_id"):
        words.append(f"user {user}")
    if organization := document.get("org_id"):
        words.append(f"organization {organization}")
    return " ".join([*words, *_others(document)])


def _message(document: Mapping[str, Any], level: str) -> str:
    said = " ".join([_visible(str(document.get("message", ""))), *_others(document)])
    named = said if level in ("info", "") else f"{level}: {said}"
    return click.style(named, fg=COLORS.get(level))


def _others(document: Mapping[str, Any]) -> list[str]:
    """Members that have no place of their own."""
    return [
        f"{name}={_visible(value if isinstance(value, str) else json.dumps(value))}"
        for name, value in document.items()
        if name not in SHOWN_APART and value is not None
    ]


def _visible(text: str) -> str:
    """The text without what could command a terminal: a client chooses the path of its request."""
    return "".join(it if it.isprintable() else it.encode("unicode_escape").decode() for it in text)

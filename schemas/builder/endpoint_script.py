"""`services/cli/validate/checks.sh`: the rows as bash, which needs nothing of HeartGuard where it runs."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from heartguard_common.identity.policy import Policy
from schemas.builder import openapi
from schemas.builder.catalogue import error_catalogue
from schemas.builder.endpoint_rows import EndpointRows, Row
from schemas.builder.scenario import Scenario

HEAD = """\
# Made by schemas/build.py from scenario.toml, policy.toml, the services' routes and the schemas: change those.
# Sourced by validate_endpoints.sh, which explains the words. {names} are filled in there; lists of checks are split.
# shellcheck shell=bash disable=SC1083,SC2016,SC2034,SC2086,SC2154
"""
_WIDTH = 120


def script(resources: Mapping[str, Mapping[str, Any]], policy: Policy, scenario: Scenario) -> str:
    """The text of the file. Raises ScenarioError where the scenario does not fit the routes."""
    definitions = {name: schema for resource in resources.values() for name, schema in resource["$defs"].items()}
    codes = {entry.code: entry for entries in error_catalogue().values() for entry in entries}
    made = EndpointRows(scenario, list(openapi.join(policy)), definitions, codes)
    rows = list(made.rows())
    messages = sorted({row.root for row in rows if row.of_message})
    return "\n".join(
        [
            HEAD,
            "# What every answer of a message must hold.",
            *(f"{message}_checks={_quoted(' '.join(made.checks.of(message)))}" for message in messages),
            "",
            "# Parts of paths of which there is nothing.",
            *(f"v_{name}={value}" for name, value in made.unknown().items()),
            "",
            "every_row() {",
            *chain.from_iterable(_lines(row) for row in rows),
            "}\n",
        ]
    )


def _lines(row: Row) -> Iterator[str]:
    """The words of a row, on as few lines as fit."""
    if row.before:
        yield f'    [ "$LISTING" = yes ] || {row.before}'
    words = [f"row {row.method} {_quoted(row.path)}"]
    if row.caller != "admin":
        words.append('as "$v_insider"' if row.caller == "insider" else f"as {row.caller}")
    for word, value in (("when", row.needs), ("only", row.only), ("accepts", row.accept), ("with", row.header)):
        words += [f"{word} {_quoted(value)}"] if value else []
    if row.json or row.xml:
        words.append(_sent(row))
    for word, value in (("keeps", row.keep), ("forgets", row.forget)):
        words += [f"{word} {value}"] if value else []
    checks = [_quoted(check) for check in row.checks]
    words.append(" ".join([row.verb, str(row.status), row.root, *_of_message(row), *checks]))
    line = "   "
    for word in words:
        if line.strip() and len(line) + len(word) + 1 > _WIDTH:
            yield line.rstrip(";")
            line = "   "
        line += f" {word};"
    yield line.rstrip(";")


def _of_message(row: Row) -> list[str]:
    return [f"${row.root}_checks"] if row.of_message else []


def _sent(row: Row) -> str:
    if row.type:
        return f"sends_text {_quoted(row.json)} {row.type}"
    return f"sends {_quoted(row.json)} {_quoted(row.xml)}"


def _quoted(text: str) -> str:
    plain = text and all(letter.isalnum() or letter in "/.:=_,-+@%" for letter in text)
    return text if plain else "'" + text.replace("'", "'\\''") + "'"

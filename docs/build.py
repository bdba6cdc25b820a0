"""Writes the generated tables of the documents: `python docs/build.py [--check]`.

The variables into operations.md, from the settings; the limits into limits.md, from `heartguard_common.core.limits`;
the error codes into errors.md, from the registries of all services; the services into README.md and architecture.md,
from services.toml; the endpoints into the services' READMEs, from policy.toml and the routes.
"""

import dataclasses
import importlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import sources  # noqa: E402, F401 - makes the packages below importable, hence first
from heartguard_cli.environment import GENERATED  # noqa: E402 - found by the path above
from heartguard_cli.programs import VARIABLES  # noqa: E402
from heartguard_common.core.limit_table import TABLE  # noqa: E402
from heartguard_common.core.registry import SERVICES  # noqa: E402
from heartguard_common.identity import policy  # noqa: E402
from schemas.build import read  # noqa: E402
from schemas.builder import endpoint_tables, openapi  # noqa: E402
from schemas.builder.catalogue import error_catalogue, in_order  # noqa: E402

BEGIN, END = "<!-- reference: docs/build.py -->", "<!-- end of reference -->"
CLASSES = {
    "consumer": "heartguard_audit.settings:ConsumerSettings",
    "stream": "heartguard_gateway.settings:StreamSettings",
    "backup": "heartguard_cli.backup.settings:BackupSettings",
}


def main(arguments: Sequence[str]) -> int:
    """Write the documents; with `--check`, 1 when one is not what would be written."""
    stale = 0
    for name, table in tables().items():
        document = ROOT / name
        old = document.read_text()
        before, _, rest = old.partition(BEGIN)
        new = f"{before}{BEGIN}\n{table}{END}{rest.partition(END)[2]}"
        if "--check" not in arguments:
            document.write_text(new)
        elif new != old:
            print(f"{name} is stale: python docs/build.py", file=sys.stderr)
            stale = 1
    return stale


def tables() -> dict[str, str]:
    """Document -> its table."""
    definitions = {name: schema for resource in read().values() for name, schema in resource["$defs"].items()}
    joined = list(openapi.join(policy.load()))
    return {
        "docs/operations.md": reference(),
        "docs/limits.md": limits(),
        "docs/errors.md": errors(),
        "docs/architecture.md": endpoint_tables.processes(),
        "README.md": endpoint_tables.services(),
        **{
            f"services/{name}/README.md": endpoint_tables.endpoints(service, joined, definitions)
            for name, service in SERVICES.items()
        },
    }


def limits() -> str:
    """A table: each limit, its default and unit, what it counts, how it refuses, and how it is freed."""
    rows = [
        "",
        "| limit | of each | default | what is counted | refusal | to free it |",
        "|---|---|---|---|---|---|",
    ]
    rows += [
        f"| `{it.name}` | {it.scope} | {it.default:,} {it.unit}{' a day' if it.daily else ''} | {it.about} | {it.code}"
        f" | {it.freed} |"
        for it in TABLE
    ]
    return "\n".join(rows) + "\n\n"


def errors() -> str:
    """A table: each error code, its HTTP status, which service gives it, what it means, and what to do about it."""
    rows = ["", "| code | status | from | meaning | what to do |", "|---|---|---|---|---|"]
    rows += [
        f'| <a id="{row.code}"></a>`{row.code}` | {row.status} | {service} | {row.title} | {row.advice} |'
        for service, row in in_order(error_catalogue())
    ]
    return "\n".join(rows) + "\n\n"


def reference() -> str:
    """A table: each variable of `.env.example`, its default, an example, which programs read it, and what it is."""
    defaults = _defaults()
    rows = ["", "| variable | default | example | read by | what |", "|---|---|---|---|---|"]
    for it in _example():
        readers = ", ".join(program for program, names in VARIABLES.items() if it.name in names) or "the command"
        default = it.written or defaults.get(it.name, "")
        shown = f"`{default}`" if default else ("made at the first start" if it.name in GENERATED else "empty")
        example = it.example or "64 hexadecimal digits"
        rows.append(f"| `{it.name}` | {shown} | {example} | {readers} | {it.about} |")
    return "\n".join(rows) + "\n\n"


class _Variable(NamedTuple):
    """A variable of `.env.example`: its value there, what its comment says, and the example in the comment."""

    name: str
    written: str
    about: str
    example: str


def _example() -> list[_Variable]:
    """The variables in order. Raises ValueError for one without a comment, or without an example."""
    found, comment, example = [], [], ""
    for line in (ROOT / ".env.example").read_text().splitlines():
        if match := re.fullmatch(r"([A-Z][A-Z0-9_]*)=(.*)", line):
            name, written = match.groups()
            if not comment or not (example or name in GENERATED):
                raise ValueError(f".env.example: {name} needs a comment, and a line that begins with `# e.g.`")
            found.append(_Variable(name, written, _cell(" ".join(comment)), _code(example)))
            comment, example = [], ""
        elif line.startswith("# e.g. "):
            example = line.removeprefix("# e.g. ")
        elif line.startswith("# ") and not line.startswith("# ---"):
            comment.append(line[2:])
        else:
            comment, example = [], ""
    return found


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(example: str) -> str:
    """An example as code, but for words about it, which have spaces."""
    return f"`{example}`" if example and " " not in example else _cell(example)


def _defaults() -> dict[str, str]:
    found: dict[str, str] = {}
    for program in VARIABLES:
        module, _, name = CLASSES.get(program, f"heartguard_{program}.settings:Settings").partition(":")
        fields = dataclasses.fields(getattr(importlib.import_module(module), name))
        found |= {
            field.metadata["variable"]: str(field.default)
            for field in fields
            if isinstance(field.default, str | int | Path) and "variable" in field.metadata
        }
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

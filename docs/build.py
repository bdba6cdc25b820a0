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

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import sources  # noqa: E402, F401 - makes the packages below importable, hence first
from heartguard_cli.programs import VARIABLES  # noqa: E402 - found by the path above
from heartguard_common.core.limits import TABLE  # noqa: E402
from heartguard_common.core.registry import SERVICES  # noqa: E402
from heartguard_common.identity import policy  # noqa: E402
from schemas.build import read  # noqa: E402
from schemas.builder import endpoint_tables, openapi  # noqa: E402
from schemas.builder.catalogue import error_catalogue, in_order  # noqa: E402

BEGIN, END = "<!-- reference: docs/build.py -->", "<!-- end of reference -->"
CLASSES = {
    "consumer": "heartguard_audit.settings:ConsumerSettings",
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
    """A table: each variable of `.env.example`, what it is, its default, and which programs read it."""
    defaults = _defaults()
    rows = ["", "| variable | default | read by | what |", "|---|---|---|---|"]
    for name, written, text in _example():
        readers = ", ".join(program for program, names in VARIABLES.items() if name in names) or "the command"
        default = written or defaults.get(name, "")
        rows.append(f"| `{name}` | {f'`{default}`' if default else ''} | {readers} | {text} |")
    return "\n".join(rows) + "\n\n"


def _example() -> list[tuple[str, str, str]]:
    found, comment = [], []
    for line in (ROOT / ".env.example").read_text().splitlines():
        if match := re.fullmatch(r"([A-Z][A-Z0-9_]*)=(.*)", line):
            found.append((match[1], match[2], " ".join(comment).replace("|", "\\|")))
            comment = []
        elif line.startswith("# ") and not line.startswith("# ---"):
            comment.append(line[2:])
        else:
            comment = []
    return found


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

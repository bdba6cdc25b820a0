"""Makes the generated half of the contract: XSDs, openapi.json, the pages, roles.json; `--check` only compares.

Written by hand are `<resource>.schema.json`, the services' route tables and `services/gateway/policy.toml`.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), *(str(path) for path in sorted((ROOT / "services").glob("*/src")))]

from heartguard_common import policy  # noqa: E402  the path above makes it importable
from schemas.builder import lint, openapi, page, roles, xsd  # noqa: E402

SCHEMAS = ROOT / "schemas"
SUFFIX = ".schema.json"


class ContractError(Exception):
    """The written half leaves the mappable subset, or the parts don't fit."""


def read(directory: Path = SCHEMAS) -> dict[str, dict[str, object]]:
    """The written schemas by resource. Raises ContractError with every fault the lint finds."""
    resources = {
        path.name.removesuffix(SUFFIX): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(directory.glob(f"*{SUFFIX}"))
    }
    faults = [
        f"{name}{SUFFIX}{fault}"
        for name, document in resources.items()
        for fault in lint.resource_faults(name, document, resources)
    ]
    if faults:
        raise ContractError("\n".join(faults))
    return resources


def generate(directory: Path = SCHEMAS) -> dict[str, bytes]:
    """File name -> content of all that is generated from the schemas of a directory."""
    resources = read(directory)
    rules = policy.load()
    made = {f"{name}.xsd": xsd.xsd(name, resources) for name in resources}
    made["roles.json"] = _json(roles.roles(rules))
    document = openapi.document(resources, rules)
    made["openapi.json"] = _json(document)
    made["docs.html"] = page.page(document).encode()
    made["errors.html"] = page.errors_page(document).encode()
    return made


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def stale(made: dict[str, bytes], directory: Path = SCHEMAS) -> list[str]:
    """Names of generated files that are missing, different or no longer made."""
    present = {path.name for path in directory.glob("*.xsd")}
    different = {
        name
        for name, content in made.items()
        if not (directory / name).is_file() or (directory / name).read_bytes() != content
    }
    return sorted(different | (present - made.keys()))


def main() -> int:
    """Write, or with `--check` compare; 0 when all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail when a file is stale")
    check = parser.parse_args().check
    try:
        made = generate()
    except (ContractError, policy.PolicyError) as error:
        print(error, file=sys.stderr)
        return 1
    old = stale(made)
    if check:
        for name in old:
            print(f"stale: schemas/{name} (run: python schemas/build.py)", file=sys.stderr)
        return 1 if old else 0
    for name in old:
        if name in made:
            (SCHEMAS / name).write_bytes(made[name])
        else:
            (SCHEMAS / name).unlink()
        print(f"written: schemas/{name}" if name in made else f"removed: schemas/{name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

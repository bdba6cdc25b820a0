"""Generates files from the contract; with `--check` compares only.

Generated are the XSDs, openapi.json, the pages, roles.json, the Python types of the messages (for the services and for
the client), the messages of the portal and the rows of validate_endpoints.sh. Their sources are
`<resource>.schema.json`, the services' route tables, `services/gateway/policy.toml`, `portal/routes.toml` and, for what
declarations can't say, `services/cli/validate/scenario.toml`.
"""

import argparse
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import sources  # noqa: E402, F401 - makes the packages below importable, hence first
from heartguard_common.contract import shapes  # noqa: E402
from heartguard_common.identity import policy  # noqa: E402  the path above makes it importable
from schemas.builder import lint, page, portal, python_types, roles, scenario, xsd  # noqa: E402

SCHEMAS = ROOT / "schemas"
SUFFIX = ".schema.json"
VALIDATE = ROOT / "services" / "cli" / "validate"
MESSAGES = ROOT / "services" / "common" / "src" / "heartguard_common" / "messages"
PORTAL = ROOT / "portal"
PORTAL_CORE = PORTAL / "core"
CLIENT_MESSAGES = ROOT / "clients" / "python" / "src" / "heartguard_client" / "messages"


class ContractError(Exception):
    """A schema uses what can't be mapped to XML, or schemas, policy and routes contradict one another."""


def read(directory: Path = SCHEMAS) -> dict[str, dict[str, object]]:
    """The schemas by resource. Raises ContractError with every problem that the lint finds."""
    resources = {
        path.name.removesuffix(SUFFIX): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(directory.glob(f"*{SUFFIX}"))
    }
    problems = [
        f"{name}{SUFFIX}{problem}"
        for name, document in resources.items()
        for problem in lint.resource_problems(name, document, resources)
    ]
    if problems:
        raise ContractError("\n".join(problems))
    return resources


def types(directory: Path = SCHEMAS, package: str = "heartguard_common.messages") -> dict[str, bytes]:
    """The files of the package of message types: name -> content. Raises ContractError."""
    try:
        return python_types.modules(read(directory), package)
    except python_types.UntypableError as error:
        raise ContractError(str(error)) from error


def client_types() -> dict[str, bytes]:
    """The same types for the client, which is installed without the services."""
    return types(package="heartguard_client.messages")


def generate(directory: Path = SCHEMAS) -> dict[str, bytes]:
    """The other files that are generated from the schemas of a directory: name -> content."""
    from schemas.builder import openapi  # noqa: PLC0415  it imports the routes, and they the types of the messages

    resources = read(directory)
    rules = policy.load()
    made = {f"{name}.xsd": xsd.xsd(name, resources) for name in resources}
    made["roles.json"] = _json(roles.roles(rules))
    document = openapi.document(resources, rules)
    made["openapi.json"] = _json(document)
    made["openapi-internal.json"] = _json(openapi.document(resources, rules, of_internal=True))
    made["errors.html"] = page.errors_page(document).encode()
    made["index.html"] = page.schemas_page(resources).encode()
    return made


def portal_files(directory: Path = SCHEMAS) -> dict[str, bytes]:
    """The portal's messages and their types: name -> content. Raises PortalError."""
    from schemas.builder import openapi  # noqa: PLC0415  as above

    resources, rules = read(directory), policy.load()
    documents = [openapi.document(resources, rules, of_internal=internal) for internal in (False, True)]
    return portal.files(portal.operations(PORTAL / "routes.toml", documents), shapes.load(directory))


def endpoint_rows(directory: Path = SCHEMAS) -> dict[str, bytes]:
    """File name -> content of the rows of validate_endpoints.sh. Raises ScenarioError."""
    from schemas.builder import endpoint_script  # noqa: PLC0415  as above

    return {"checks.sh": endpoint_script.script(read(directory), policy.load(), scenario.load()).encode()}


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def stale(made: dict[str, bytes], directory: Path = SCHEMAS, pattern: str = "*.xsd") -> list[str]:
    """Names of generated files that are missing or different, and of files like `pattern` that are obsolete."""
    present = {path.name for path in directory.glob(pattern)}
    different = {
        name
        for name, content in made.items()
        if not (directory / name).is_file() or (directory / name).read_bytes() != content
    }
    return sorted(different | (present - made.keys()))


def _write(made: dict[str, bytes], old: list[str], directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    for name in old:
        shown = (directory / name).relative_to(ROOT)
        if name in made:
            (directory / name).write_bytes(made[name])
        else:
            (directory / name).unlink()
        print(f"written: {shown}" if name in made else f"removed: {shown}")


def main() -> int:
    """Write the files, or with `--check` compare them; returns 0 on success, otherwise 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail when a file is stale")
    check = parser.parse_args().check
    try:
        # The types come first, because the routes, from which the other files are generated, import them.
        parts = (
            (types, MESSAGES, "*.py"),
            (client_types, CLIENT_MESSAGES, "*.py"),
            (generate, SCHEMAS, "*.xsd"),
            (endpoint_rows, VALIDATE, "checks.sh"),
            (portal_files, PORTAL_CORE, "contract.js"),
        )
        for make, directory, pattern in parts:
            made = make()
            old = stale(made, directory, pattern)
            if old and check:
                for name in old:
                    shown = (directory / name).relative_to(ROOT)
                    print(f"stale: {shown} (run: python schemas/build.py)", file=sys.stderr)
                return 1
            _write(made, old, directory)
            if old and make is types:
                # What is loaded so far has the types as they were, and the routes may import a new one.
                os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606  the same program once more
    except (ContractError, scenario.ScenarioError, policy.PolicyError, portal.PortalError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Generated clients register, log in, write, query, handle errors and upload, against a running system.

The programs are in `programs/`; each prints what it got as one JSON document, which is the same for all.
"""

import json
import re
import shutil
from pathlib import Path

from heartguard_common.core.paths import SCHEMAS_DIR
from tests.clients.tools import run
from tests.running import RunningSystem

PROGRAMS = Path(__file__).parent / "programs"
DOCUMENT = SCHEMAS_DIR / "openapi.json"
RESULT = {
    "refused": "AUTH_001",
    "written": 1,
    "found": 72,
    "invalid": ["GEN_422", "/every"],
    "raw": 5,
    "kept": ["note.txt", 10],
}


def test_python(python_tools: Path, running_system: RunningSystem, tmp_path: Path) -> None:
    command = [python_tools / "openapi-python-client", "generate", "--meta=none", "--output-path=heartguard_client"]
    said = run(
        ["env", f"PATH={python_tools}:/usr/bin:/bin", *command, f"--path={DOCUMENT}"], tmp_path, with_errors=True
    )
    # Points as lines, and what can be sent in JSON or as octets too: nothing else is left out.
    left_out = set(re.findall(r"Unsupported content type (\S+)", said))
    assert left_out == {"application/xml", "text/xml", "text/plain", "*/*"}
    assert not re.search("Unable to|Cannot parse|removal", said), said
    shutil.copy(PROGRAMS / "round_trip.py", tmp_path)
    program = [python_tools / "python", "round_trip.py", running_system.gateway_url, "python@clients.example"]
    assert json.loads(run(program, tmp_path)) == RESULT


def test_openapi_fetch(node: Path, running_system: RunningSystem) -> None:
    shutil.copy(PROGRAMS / "openapi_fetch.ts", node)
    run(["node_modules/.bin/openapi-typescript", DOCUMENT, "--output=heartguard.d.ts"], node)
    _compile(node, "openapi_fetch.ts", "--module", "nodenext")
    program = ["node", "built/openapi_fetch.js", running_system.gateway_url, "openapi-fetch@clients.example"]
    assert json.loads(run(program, node)) == RESULT


def test_typescript_fetch(node: Path, openapi_generator: Path, running_system: RunningSystem) -> None:
    _generate(openapi_generator, "typescript-fetch", node / "typescript-fetch/client")
    shutil.copy(PROGRAMS / "typescript_fetch.ts", node / "typescript-fetch")
    (node / "typescript-fetch/package.json").write_text('{"type": "commonjs"}\n')
    _compile(node, "typescript-fetch/typescript_fetch.ts", "--module", "commonjs", "--moduleResolution", "node10")
    (node / "built/package.json").write_text('{"type": "commonjs"}\n')
    program = ["node", "built/typescript_fetch.js", running_system.gateway_url, "typescript-fetch@clients.example"]
    assert json.loads(run(program, node)) == RESULT


def test_kotlin(kotlin: Path, openapi_generator: Path, running_system: RunningSystem, tmp_path: Path) -> None:
    # Its models have no type for a value that is a number, a text or a boolean.
    mapped = "field_value=kotlin.Any,field_or_null=kotlin.Any?,preference=kotlin.Any"
    _generate(openapi_generator, "kotlin", tmp_path / "client", "--schema-mappings", mapped)
    compiler = ["java", "-cp", f"{kotlin}/*", "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "-nowarn"]
    jars = ":".join(str(jar) for jar in sorted(kotlin.iterdir()))
    source = tmp_path / "client/src/main/kotlin"
    run([*compiler, "-no-stdlib", "-cp", jars, "-d", "built", source, PROGRAMS / "RoundTrip.kt"], tmp_path)
    program = ["java", "-cp", f"built:{jars}", "RoundTripKt", running_system.gateway_url, "kotlin@clients.example"]
    assert json.loads(run(program, tmp_path)) == RESULT


def _generate(jar: Path, generator: str, target: Path, *options: str) -> None:
    # Error is a word of both languages.
    names = ["--model-name-mappings", "Error=ApiError"]
    run(["java", "-jar", jar, "generate", "-i", DOCUMENT, "-g", generator, "-o", target, *names, *options], jar.parent)


def _compile(node: Path, program: str, *options: str) -> None:
    """Compile a program into `built/`; what does not have the type that it is used as fails."""
    strict = ["--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--lib", "es2022,dom"]
    run(["node_modules/.bin/tsc", *strict, *options, "--outDir", "built", program], node)

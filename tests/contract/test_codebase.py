"""The rules of the codebase: layers, sizes, docstrings, and one fact in one place."""

import ast
import importlib
import re
import tomllib

import pytest

from heartguard_common.core import errors as shared_errors
from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.core.registry import SERVICES
from heartguard_common.core.settings import variables
from heartguard_common.identity import policy

LAYERED = [name for name in SERVICES if name != "gateway"]
LAYERS = {
    "settings",
    "wiring",
    "routes",
    "usecases",
    "ports",
    "domain",
    "store",
    "errors",
    "__init__",
    "consumer",
    "documents",
    "offline",
    "check",
    "deadlines",
    "keys",
    "key_ring",
    "rate_limiting",
    "gunicorn_conf",
}
SOURCES = {
    str(path.relative_to(REPO_ROOT)): path.read_text()
    for folder in ("services", "importers", "schemas", "migrations", "examples", "bench", "tests")
    for path in sorted((REPO_ROOT / folder).rglob("*.py"))
}


def package(name):
    return REPO_ROOT / "services" / name / "src" / f"heartguard_{name}"


def modules(folder):
    """The modules of a folder, and the folders with modules."""
    return {path.stem for path in folder.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}


def module(name, layer):
    return importlib.import_module(f"heartguard_{name}.{layer}")


@pytest.mark.parametrize("name", LAYERED)
def test_a_service_has_the_known_layers_and_no_other(name):
    layers = modules(package(name))
    # A folder that is no layer is a subject, which has layers of its own.
    subjects = {layer for layer in layers - LAYERS if (package(name) / layer).is_dir()}
    assert layers - LAYERS - subjects == set()
    inside = {layer for subject in subjects for layer in modules(package(name) / subject)}
    assert inside - LAYERS - {"access"} == set()
    assert {"settings", "wiring", "routes", "usecases", "errors"} <= layers
    contracts = tomllib.loads((REPO_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layered = {container for contract in contracts for container in contract.get("containers", ())}
    assert {f"heartguard_{name}.{subject}" for subject in subjects} <= layered


@pytest.mark.parametrize("name", SERVICES)
def test_app_py_only_makes_the_wsgi_application(name):
    tree = ast.parse((package(name).parent / "app.py").read_text())
    assert [type(node) for node in tree.body] == [ast.Expr, ast.ImportFrom, ast.ImportFrom, ast.Assign]


@pytest.mark.parametrize("name", SERVICES)
def test_error_codes_carry_the_prefix_of_their_service(name):
    rows = module(name, "errors").CODES
    assert rows
    assert all(re.fullmatch(rf"{SERVICES[name].codes}_[0-9]{{3}}", row.code) for row in rows)


def test_a_shared_error_code_contains_its_http_status():
    rows = shared_errors.CODES
    assert [row.code for row in rows if not re.fullmatch(rf"GEN_{row.status}(_[A-Z]+)?", row.code)] == []


def test_error_codes_are_unique():
    codes = [row.code for name in SERVICES for row in module(name, "errors").CODES]
    codes += [row.code for row in shared_errors.CODES]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("name", SERVICES)
def test_every_error_row_is_in_the_catalogue(name):
    found = module(name, "errors")
    rows = [value for value in vars(found).values() if isinstance(value, shared_errors.ErrorCode)]
    own = [row for row in rows if not row.code.startswith("GEN_")]
    assert set(own) == set(found.CODES)


@pytest.mark.parametrize("name", LAYERED)
def test_routes_and_policy_name_the_same_endpoints(name):
    routes = {(route.method, route.path) for route in module(name, "routes").ROUTES}
    rules = {(rule.method, rule.path) for rule in policy.load().of(name)}
    standing = {rule for rule in rules if rule[1].rsplit("/", 1)[-1] in ("health", "ready", "metrics")}
    dead_letters = {rule for rule in rules if "dead-letters" in rule[1].split("/")}
    background = {rule for rule in rules if rule[1].endswith("/background")}
    jobs = {rule for rule in rules if "jobs" in rule[1].split("/")}
    assert routes == rules - standing - dead_letters - background - jobs
    assert (len(standing), len(dead_letters), len(background), len(jobs) in (0, 2)) == (3, 4, 1, True)


@pytest.mark.parametrize("name", SERVICES)
def test_the_readme_of_a_service_names_its_endpoints_and_variables(name):
    text = (REPO_ROOT / "services" / name / "README.md").read_text()
    written = re.sub(r"(?s)<!-- reference: .*?<!-- end of reference -->", "", text)
    assert len(written.splitlines()) <= 60
    endpoints = [rule.path for rule in policy.load().of(name)]
    assert [path for path in endpoints if path not in text] == []
    assert [variable for variable in variables(module(name, "settings").Settings) if f"`{variable}`" not in text] == []


def test_files_and_functions_stay_small():
    long = []
    for path, text in SOURCES.items():
        if len(text.splitlines()) > 400:
            long.append(f"{path}: more than 400 lines")
        long += [
            f"{path}:{node.lineno} {node.name}: more than 45 lines"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno > 45
        ]
    assert not long, "\n".join(long)


def test_the_code_has_no_todo_markers():
    marks = ["TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error"]
    assert [f"{path}: {mark}" for path, text in SOURCES.items() for mark in marks if mark in text] == []


def test_public_names_have_docstrings():
    silent = []
    for folder in (*(package(name) for name in (*SERVICES, "common", "cli")), REPO_ROOT / "importers" / "src"):
        for path in sorted(folder.rglob("*.py")):
            silent += [
                f"{path.name}:{node.name}"
                for node in _public(ast.parse(path.read_text()))
                if not ast.get_docstring(node)
            ]
    assert silent == []


def _public(tree: ast.Module):
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node


def test_no_document_names_a_path_of_a_machine():
    pattern = re.compile(r"(^|[^a-zA-Z0-9_.])/(work|root|home)/[a-z]", re.MULTILINE)
    files = [*REPO_ROOT.glob("*.md"), *(REPO_ROOT / "services").rglob("*.md"), *(REPO_ROOT / "docs").rglob("*.md")]
    texts = SOURCES | {str(path): path.read_text() for path in files}
    assert [path for path, text in texts.items() if pattern.search(text)] == []


def test_what_runs_alone_is_in_the_directory_that_run_tests_names():
    marked = {file for file in (REPO_ROOT / "tests").rglob("test_*.py") if "pytest.mark." + "alone" in file.read_text()}
    assert marked
    assert {str(file.relative_to(REPO_ROOT).parent) for file in marked} == {"tests/chaos"}
    assert "|| set -- tests/chaos " in (REPO_ROOT / "run_tests.sh").read_text()

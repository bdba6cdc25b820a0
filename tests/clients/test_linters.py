"""Spectral and Redocly find nothing in the OpenAPI documents, by the rules that they recommend."""

import json
from pathlib import Path

import pytest

from heartguard_common.core.paths import SCHEMAS_DIR
from tests.clients.tools import run
from tests.openapi_documents import NAMES

# In both paths {org_id} is a number, which OpenAPI's matching of paths does not look at.
KNOWN = {
    "openapi.json": set(),
    "openapi-internal.json": {("no-ambiguous-paths", "#/paths/~1organization~1{org_id}~1limits")},
}


@pytest.mark.parametrize("name", NAMES)
def test_spectral_finds_nothing(node: Path, tmp_path: Path, name: str) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text('extends: ["spectral:oas"]\n')
    command = ["node_modules/.bin/spectral", "lint", "--quiet", "--format=json", "--fail-severity=hint", "--ruleset"]
    found = json.loads(run([*command, rules, SCHEMAS_DIR / name], node, may_fail=True))
    assert [(it["code"], it["path"]) for it in found] == []


@pytest.mark.parametrize("name", NAMES)
def test_redocly_finds_nothing(node: Path, name: str) -> None:
    command = ["node_modules/.bin/redocly", "lint", "--format=json", "--max-problems=1000", SCHEMAS_DIR / name]
    found = json.loads(run(command, node, may_fail=True))
    assert {(it["ruleId"], it["location"][0]["pointer"]) for it in found["problems"]} == KNOWN[name]
    assert found["totals"]["errors"] == 0

"""Whatever requests make grow has a limit, or a reason: every table and every key in Redis stands in docs/limits.md."""

import json
import re

from heartguard_common.core.limit_table import BY_NAME, TABLE
from heartguard_common.core.paths import REPO_ROOT
from tests.people import owner

DOCUMENT = (REPO_ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
HELD = dict(
    re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|$", DOCUMENT.partition("## What bounds each table")[2], re.MULTILINE)
)


def test_every_table_is_bounded(module_database):
    with owner(module_database) as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'heartguard_core'")
        tables = {row[0] for row in cursor.fetchall()}
    assert {name for name in tables if f"`{name}`" not in HELD} == set()


def test_every_kind_of_key_in_redis_is_bounded():
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for path in sorted((REPO_ROOT / "services").rglob("*"))
        if path.suffix in (".py", ".lua")
    )
    kinds = set(re.findall(r"\bhg:([a-z]+)", source))
    assert {kind for kind in kinds if not {f"`hg:{kind}:`", f"`hg:{kind}`"} & HELD.keys()} == set()


def test_every_limit_bounds_something_and_says_how_it_is_made_free():
    named = set(re.findall(r"`([a-z_]+)`", " ".join(HELD.values())))
    openapi = json.loads((REPO_ROOT / "schemas" / "openapi.json").read_text(encoding="utf-8"))
    codes = {entry["code"] for entry in openapi["x-error-codes"]}
    for limit in TABLE:
        assert limit.name in named or limit.scope == "recipient", limit.name
        assert limit.freed, limit.name
        assert limit.code in codes or limit.code.split(":")[0] in ("none", "verdict"), limit.name
    assert len(BY_NAME) == len(TABLE)

"""The portal's JSDoc types, checked by TypeScript, which npm installs where the environment asks for it."""

import json
import os
import shutil
from pathlib import Path

import pytest

from heartguard_common.core.paths import REPO_ROOT
from tests.clients.conftest import WANTED
from tests.clients.tools import NODE, needs, run

OPTIONS = {
    "allowJs": True,
    "checkJs": True,
    "noEmit": True,
    "strict": True,
    "target": "es2022",
    "module": "esnext",
    "moduleResolution": "bundler",
    "lib": ["es2023", "dom", "dom.iterable"],
    "types": [],
}


def test_types(tmp_path: Path) -> None:
    if os.environ.get(WANTED) != "1":
        pytest.skip(f"{WANTED}=1 installs TypeScript and checks the types")
    needs("node", "npm")
    shutil.copytree(REPO_ROOT / "portal", tmp_path / "portal")
    (tmp_path / "package.json").write_text('{"name": "tools", "private": true}\n')
    include = [f"portal/{folder}/*" for folder in ("core", "screens", "texts")]
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS, "include": include}))
    compiler = f"typescript@{NODE['typescript']}"
    run(["npm", "install", "--no-fund", "--no-audit", "--ignore-scripts", compiler], tmp_path)
    run([tmp_path / "node_modules/.bin/tsc", "-p", "tsconfig.json"], tmp_path)

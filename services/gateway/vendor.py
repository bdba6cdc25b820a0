"""Writes the libraries that the gateway's pages and the portal use, from npm, as the two `vendored.toml` name them.

    python services/gateway/vendor.py           # needs npm on the PATH

A package whose bytes differ from the recorded `integrity` (SHA-512, as npm's lock files have it) is refused. Files are
kept compressed with gzip in the gateway, which is how they are sent, and as they are in the portal, where the gateway
compresses them when it starts; `sha256` is that of the file before compression. `replace` (pairs of texts, each of
which occurs once) and `append` change a file on its way. To change a version, change it and its `integrity`
(`npm view <name>@<version> dist.integrity`), run this, and enter the `sha256` that it prints. The text of its licence
stands beside it, `<file>.LICENSE`; where the package has none, see whether it is still the same.
"""

import base64
import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGES = HERE / "src/heartguard_gateway/pages/vendor"
PORTAL = HERE.parent.parent / "portal/vendor"
LICENCE = "LICENSE"


def main() -> int:
    """Write each library; returns 1 where a digest differs from the recorded one."""
    return max(_write(PAGES, packed=True), _write(PORTAL, packed=False))


def _write(vendor: Path, *, packed: bool) -> int:
    wrong = 0
    for library in tomllib.loads((vendor / "vendored.toml").read_text(encoding="utf-8"))["libraries"]:
        with tempfile.TemporaryDirectory() as directory:
            archive = _download(library["name"], library["version"], Path(directory))
            if _digest("sha512", archive.read_bytes()) != library["integrity"]:
                print(f"{library['name']}: the package differs from the recorded integrity", file=sys.stderr)
                return 1
            with tarfile.open(archive) as package:
                content = _changed(library, _member(package, library["member"]))
                licence = _member(package, LICENCE) if f"package/{LICENCE}" in package.getnames() else None
        name = library["file"]
        if licence is not None:  # otherwise it was taken from the project's repository
            (vendor / f"{name}.LICENSE").write_bytes(licence)
        if packed:
            (vendor / f"{name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
        else:
            (vendor / name).write_bytes(content)
        found = hashlib.sha256(content).hexdigest()
        print(f"{library['name']} {library['version']}: {name}, sha256 {found}")
        wrong += found != library["sha256"]
    return 1 if wrong else 0


def _changed(library: Mapping[str, Any], content: bytes) -> bytes:
    """The file with what `replace` and `append` say. Raises ValueError where a text does not occur exactly once."""
    text = content.decode()
    for old, new in library.get("replace", ()):
        if text.count(old) != 1:
            raise ValueError(f"{library['file']}: {old!r} occurs {text.count(old)} times")
        text = text.replace(old, new)
    if "append" in library:
        text = f"{text.rstrip()}\n{library['append']}"
    return text.encode()


def _download(name: str, version: str, directory: Path) -> Path:
    packed = subprocess.run(  # noqa: S603
        ["npm", "pack", "--silent", f"{name}@{version}"],  # noqa: S607
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
    )
    return directory / packed.stdout.split()[-1]


def _member(package: tarfile.TarFile, name: str) -> bytes:
    stream = package.extractfile(f"package/{name}")
    if stream is None:
        raise FileNotFoundError(name)
    return stream.read()


def _digest(algorithm: str, content: bytes) -> str:
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


if __name__ == "__main__":
    sys.exit(main())

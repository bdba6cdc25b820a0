"""Writes the libraries that the gateway's pages use, from npm, as pages/vendor/vendored.toml names them.

    python services/gateway/vendor.py           # needs npm on the PATH

A package whose bytes differ from the recorded `integrity` (SHA-512, as npm's lock files have it) is refused. Files are
kept compressed with gzip, which is how they are sent; `sha256` is that of the file before compression. To change a
version, change it and its `integrity` (`npm view <name>@<version> dist.integrity`), run this, and enter the `sha256`
that it prints. The text of its licence stands beside it, `<file>.LICENSE`; see whether it is still the same.
"""

import base64
import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

VENDOR = Path(__file__).resolve().parent / "src/heartguard_gateway/pages/vendor"


def main() -> int:
    """Write each library; returns 1 where a digest differs from the recorded one."""
    wrong = 0
    for library in tomllib.loads((VENDOR / "vendored.toml").read_text(encoding="utf-8"))["libraries"]:
        with tempfile.TemporaryDirectory() as directory:
            archive = _download(library["name"], library["version"], Path(directory))
            if _digest("sha512", archive.read_bytes()) != library["integrity"]:
                print(f"{library['name']}: the package differs from the recorded integrity", file=sys.stderr)
                return 1
            with tarfile.open(archive) as package:
                content = _member(package, library["member"])
        (VENDOR / f"{library['file']}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
        found = hashlib.sha256(content).hexdigest()
        print(f"{library['name']} {library['version']}: {library['file']}, sha256 {found}")
        wrong += found != library["sha256"]
    return 1 if wrong else 0


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

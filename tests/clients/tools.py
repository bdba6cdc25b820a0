"""Generators of client code and linters, each in one version; installed where a test asks for them."""

import shutil
import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

NODE = {
    "@influxdata/influxdb-client": "1.35.0",
    "@redocly/cli": "2.77.0",
    "@stoplight/spectral-cli": "6.16.3",
    "openapi-fetch": "0.17.0",
    "openapi-typescript": "7.13.0",
    "typescript": "5.9.3",
}
PYTHON = {"openapi-python-client": "0.29.1", "xsdata[cli,lxml]": "26.10"}
GENERATOR = ("org.openapitools", "openapi-generator-cli", "7.25.0")
JAXB = (("org.glassfish.jaxb", "jaxb-xjc", "4.0.5"), ("org.glassfish.jaxb", "jaxb-runtime", "4.0.5"))
KOTLIN = (
    ("org.jetbrains.kotlin", "kotlin-compiler-embeddable", "2.2.20"),
    ("com.squareup.moshi", "moshi-kotlin", "1.15.2"),
    ("com.squareup.moshi", "moshi-adapters", "1.15.2"),
    ("com.squareup.okhttp3", "okhttp-jvm", "5.1.0"),
)
TELEGRAF = ("github.com/influxdata/telegraf/cmd/telegraf", "v1.37.2")
_PLUGINS = ("inputs.file", "outputs.influxdb", "outputs.influxdb_v2", "parsers.influx", "serializers.influx")
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_MINUTES = 10


def run(command: Sequence[str | Path], directory: Path, *, may_fail: bool = False, with_errors: bool = False) -> str:
    """What a command writes to standard output, and `with_errors` to standard error.

    A failure of the command is one of the test unless `may_fail`.
    """
    done = subprocess.run(
        [str(word) for word in command],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=_MINUTES * 60,
        check=False,
    )
    assert may_fail or done.returncode == 0, f"{command}\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}"
    return done.stdout + (done.stderr if with_errors else "")


def needs(*programs: str) -> None:
    """Skip the test where a program is not installed."""
    if missing := [name for name in programs if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")


def install_node(directory: Path) -> Path:
    """A directory with the packages of `NODE` in `node_modules`."""
    needs("node", "npm")
    (directory / "package.json").write_text('{"name": "tools", "private": true, "type": "module"}\n')
    wanted = [f"{name}@{version}" for name, version in NODE.items()]
    run(["npm", "install", "--no-fund", "--no-audit", "--ignore-scripts", *wanted], directory)
    return directory


def install_python(directory: Path) -> Path:
    """The folder of the programs of an environment with the packages of `PYTHON`."""
    venv.create(directory, with_pip=True, symlinks=True)
    programs = directory / "bin"
    wanted = [f"{name}=={version}" for name, version in PYTHON.items()]
    run([programs / "python", "-m", "pip", "install", "--quiet", *wanted], directory)
    return programs


def install_telegraf(directory: Path) -> Path:
    """A Telegraf that has what the guide's recipe needs, built with Go (about two minutes)."""
    needs("go")
    package, version = TELEGRAF
    run(["go", "mod", "init", "telegraf.example"], directory)
    run(["go", "get", "-tool", f"{package}@{version}"], directory)
    tags = ",".join(("custom", *_PLUGINS))
    run(["go", "build", "-mod=mod", "-tags", tags, "-o", directory / "telegraf", package], directory)
    return directory / "telegraf"


def install_jars(directory: Path, *artifacts: tuple[str, str, str]) -> Path:
    """A folder with the jars of artifacts and of all that they need."""
    needs("java", "javac", "mvn")
    listed = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for group, name, version in artifacts
    )
    head = '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
    own = "<groupId>tools</groupId><artifactId>tools</artifactId><version>1</version>"
    (directory / "pom.xml").write_text(f"{head}{own}<dependencies>{listed}</dependencies></project>\n")
    run(["mvn", "-q", "-B", _COPY, "-DoutputDirectory=lib"], directory)
    return directory / "lib"


def install_jar(directory: Path, group: str, name: str, version: str) -> Path:
    """One jar that has all that it needs in itself."""
    needs("java", "mvn")
    copy = _COPY.replace("copy-dependencies", "copy")
    run(["mvn", "-q", "-B", copy, f"-Dartifact={group}:{name}:{version}", "-DoutputDirectory=."], directory)
    return directory / f"{name}-{version}.jar"

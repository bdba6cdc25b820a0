"""xjc and xsdata bind each XSD, and their classes read and write the documents of the vectors without a loss."""

from pathlib import Path

import pytest

from heartguard_common.core.paths import SCHEMAS_DIR
from tests.clients.tools import run
from tests.contract.cases import CONTRACTS, RESOURCES, xsd_accepts

PROGRAMS = Path(__file__).parent / "programs"
XML = "application/xml"


# JAXB does not keep the attribute `key` of an entry that is null, and writes a tab in an attribute as it is.
LOST_BY_JAXB = {
    "audit_event": {
        "AuditEvent.a_profile_was_changed",
        "AuditEventList.one_event",
        "AuditEventRequest.details_of_every_type",
    },
    "timeseries": {"QueryResult.means_by_minute", "WriteRequest.hostile_keys"},
}


def messages(resource: str) -> list[str]:
    """The messages of a resource."""
    return [name for name in RESOURCES[resource]["$defs"] if name[0].isupper()]


def vectors(resource: str, folder: Path) -> Path:
    """A new folder with the valid XML documents of a resource's messages, as `<message>.<vector>`."""
    folder.mkdir()
    for message in messages(resource):
        for path in (SCHEMAS_DIR / "vectors" / message).glob("*_PASS.xml"):
            (folder / f"{message}.{path.name}").write_bytes(path.read_bytes())
    return folder


def lost(source: Path, written: Path) -> set[str]:
    """The documents that came back as invalid, or with other values; numbers may be written in another way."""
    return {path.name.removesuffix("_PASS.xml") for path in source.iterdir() if not same(path, written / path.name)}


def same(path: Path, written: Path) -> bool:
    """Whether two documents of a message have the same values."""
    message, body = path.name.partition(".")[0], written.read_bytes()
    if not xsd_accepts(message, body):
        return False
    return CONTRACTS[message].decode(body, XML) == CONTRACTS[message].decode(path.read_bytes(), XML)


def has_null(*files: Path) -> bool:
    """Whether a document says null anywhere."""
    return any(b'nil="true"' in file.read_bytes() for file in files)


@pytest.mark.parametrize("resource", RESOURCES)
def test_jaxb(jaxb: Path, tmp_path: Path, resource: str) -> None:
    package, jars = f"bound.{resource}", f"{jaxb}/*"
    compiler = ["java", "-cp", jars, "com.sun.tools.xjc.XJCFacade", "-d", tmp_path, "-p", package]
    said = run([*compiler, SCHEMAS_DIR / f"{resource}.xsd"], tmp_path)
    assert "[WARNING]" not in said, said
    sources = sorted(tmp_path.rglob("*.java"))
    run(["javac", "-nowarn", "-cp", jars, "-d", "built", *sources, PROGRAMS / "RoundTrip.java"], tmp_path)
    source, written = vectors(resource, tmp_path / "source"), tmp_path / "written"
    written.mkdir()
    run(["java", "-cp", f"built:{jars}", "RoundTrip", package, source, written], tmp_path)
    assert lost(source, written) == LOST_BY_JAXB.get(resource, set())


@pytest.mark.parametrize("resource", RESOURCES)
def test_xsdata(python_tools: Path, tmp_path: Path, resource: str) -> None:
    command = [python_tools / "xsdata", "generate", SCHEMAS_DIR / f"{resource}.xsd", "--package", f"bound_{resource}"]
    run(["env", f"PATH={python_tools}:/usr/bin:/bin", *command], tmp_path)
    source, written = vectors(resource, tmp_path / "source"), tmp_path / "written"
    written.mkdir()
    program = [python_tools / "python", PROGRAMS / "xsdata_round_trip.py", f"bound_{resource}", source, written]
    run(["env", f"PYTHONPATH={tmp_path}", *program], tmp_path)
    # xsdata has no value for null: such a member is written as an empty element or left out.
    nulls = {
        name
        for name in lost(source, written)
        if not has_null(source / f"{name}_PASS.xml", written / f"{name}_PASS.xml")
    }
    assert nulls == set()

"""Examples for the documentation: test vectors that pass, in both formats."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
MOST = 2
LARGEST = 3000  # bytes; larger vectors test limits
SERIALIZED = "x-serializedExamples"
"""Examples in XML, of a Media Type Object and as components, each a `summary` and the text as `serializedValue`.

OpenAPI has that member since 3.2. In 3.1 an Example Object has a `value`, which must be data of the schema.
"""
_SUFFIX = "_PASS.json"
_LIST = "examples.toml"


def examples(vectors: Path = VECTORS) -> dict[str, Any]:
    """The example components by name, such as `RefreshRequest.refresh_token.json` and `.xml`."""
    made: dict[str, Any] = {}
    listed: dict[str, list[str]] = tomllib.loads((vectors / _LIST).read_text(encoding="utf-8"))
    for folder in sorted(path for path in vectors.iterdir() if path.is_dir()):
        for name in listed.get(folder.name) or _first(folder):
            text = name.replace("_", " ").capitalize()
            document = json.loads((folder / f"{name}{_SUFFIX}").read_text(encoding="utf-8"))
            made[f"{folder.name}.{name}.json"] = {"summary": text, "value": document}
            xml = folder / f"{name}_PASS.xml"
            if xml.is_file():
                written = xml.read_text(encoding="utf-8").strip()
                made[f"{folder.name}.{name}.xml"] = {"summary": text, "serializedValue": written}
    return made


def _first(folder: Path) -> list[str]:
    found = [path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}") if path.stat().st_size <= LARGEST]
    return sorted(found)[:MOST]


def of(message: str, media_type: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a Media Type Object with the examples of a message: references into the components."""
    if media_type.endswith("json"):
        return _referred("examples", _keys(message, "json", known))
    return _referred(SERIALIZED, _keys(message, "xml", known))


def components(known: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The example components: those in JSON, which tools know, and those in XML."""
    return {
        "examples": {key: entry for key, entry in known.items() if key.endswith(".json")},
        SERIALIZED: {key: entry for key, entry in known.items() if key.endswith(".xml")},
    }


def _referred(kind: str, keys: Iterator[tuple[str, str]]) -> dict[str, Any]:
    found = {name: {"$ref": f"#/components/{kind}/{key}"} for name, key in keys}
    return {kind: found} if found else {}


def _keys(message: str, kind: str, known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in known:
        owner, name, form = key.split(".")
        if owner == message and form == kind:
            yield name, key

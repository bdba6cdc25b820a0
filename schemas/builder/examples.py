"""Examples for the documentation: test vectors that pass, in both formats, those of the plan first."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
MOST = 2
LARGEST = 3000  # bytes; larger vectors test limits
SERIALIZED = "x-serializedExamples"
"""Examples in XML, of a Media Type Object and as components, each a `summary` and the text as `serializedValue`.

OpenAPI has that member since 3.2. In 3.1 an Example Object has a `value`, which must be data of the schema.
"""
_SUFFIX = "_PASS.json"
_DULL = ("hostile", "seam", "longest", "empty", "control", "odd")  # vectors of edge cases, which are no good examples


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def acceptor(schemas: Mapping[str, Any]) -> Callable[[str, object], bool]:
    """Whether a document is one of a message by the schema components of openapi.json."""

    def accepts(message: str, document: object) -> bool:
        whole = {"$ref": f"#/components/schemas/{message}", "components": {"schemas": schemas}}
        return jsonschema_rs.validator_for(whole).is_valid(document)

    return accepts


def examples(vectors: Path = VECTORS, accepts: Callable[[str, object], bool] = lambda _, __: True) -> dict[str, Any]:
    """The example components by name, such as `LoginRequest.plan.json` and `LoginRequest.plan.xml`.

    `accepts` says whether a document of a message may be one.
    """
    made: dict[str, Any] = {}
    for folder in sorted(path for path in vectors.iterdir() if path.is_dir()):
        for name in _chosen(folder, accepts):
            text = f"{folder.name}: {name.replace('_', ' ')}"
            document = _read(folder / f"{name}{_SUFFIX}")
            made[f"{folder.name}.{name}.json"] = {"summary": text, "value": document}
            xml = folder / f"{name}_PASS.xml"
            if xml.is_file():
                written = xml.read_text(encoding="utf-8").strip()
                made[f"{folder.name}.{name}.xml"] = {"summary": text, "serializedValue": written}
    return made


def _chosen(folder: Path, accepts: Callable[[str, object], bool]) -> list[str]:
    small = [path for path in folder.glob(f"*{_SUFFIX}") if path.stat().st_size <= LARGEST]
    found = [path.name.removesuffix(_SUFFIX) for path in small if accepts(folder.name, _read(path))]
    useful = sorted(found, key=lambda name: (name != "plan", name.startswith(_DULL), name))
    return useful[:MOST]


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

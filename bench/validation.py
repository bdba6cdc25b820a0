"""Time for a WriteRequest of 1,000 points: our validators and codec compared with `jsonschema` and `dicttoxml`.

Run it from the root: python -m bench.validation. Times are the best of several runs, in milliseconds; the whole
takes less than 20 seconds.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dicttoxml
import jsonschema
import jsonschema_rs
from lxml import etree

from bench import report
from heartguard_common.contract import shapes
from heartguard_common.contract.contracts import Contracts
from heartguard_common.core.paths import SCHEMAS_DIR

ROOT = Path(__file__).resolve().parent.parent

POINTS = 1000
SECONDS = 1.5  # spent on each row at most
JSON, XML = "application/json", "application/xml"


def best(work: Callable[[], Any]) -> float:
    """The shortest time of one run, in milliseconds."""
    work()
    shortest, began = float("inf"), time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        start = time.perf_counter()
        work()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest * 1000


def request(points: int) -> dict[str, Any]:
    """A typical request of a watch after a night without network."""
    return {
        "bucket": "org_1",
        "points": [
            {
                "measurement": "heart_rate",
                "tags": {"user_id": "1", "device": "watch"},
                "fields": {"bpm": 60 + index % 40, "confidence": 0.5 + index % 50 / 100},
                "timestamp": f"2024-06-01T{index // 3600:02}:{index // 60 % 60:02}:{index % 60:02}Z",
            }
            for index in range(points)
        ],
    }


def rows() -> list[tuple[str, str, float, str, float]]:
    """Task, ours, its time, the other, its time."""
    contract, document = Contracts.load()["WriteRequest"], request(POINTS)
    as_json, as_xml = contract.encode(document, JSON), contract.encode(document, XML)
    schema = {"$ref": "#/$defs/WriteRequest", "$defs": shapes.load(SCHEMAS_DIR).schema["$defs"]}
    rust = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    python = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    dictionary_to_xml = lambda: dicttoxml.dicttoxml(document, custom_root="WriteRequest", attr_type=False)  # noqa: E731
    accepts, reference = best(lambda: rust.is_valid(document)), best(lambda: python.is_valid(document))
    writes = best(lambda: contract.encode(document, XML))
    from_json, from_xml = best(lambda: contract.decode(as_json, JSON)), best(lambda: contract.decode(as_xml, XML))
    return [
        ("validate a document", "jsonschema-rs", accepts, "jsonschema", reference),
        ("write XML", "heartguard_common", writes, "dicttoxml", best(dictionary_to_xml)),
        (
            "JSON to checked document",
            "heartguard_common",
            from_json,
            "json.loads alone",
            best(lambda: json.loads(as_json)),
        ),
        (
            "XML to checked document",
            "heartguard_common",
            from_xml,
            "lxml alone",
            best(lambda: etree.fromstring(as_xml)),
        ),
    ]


def main() -> None:
    """Measure, print and write the table."""
    options = report.parser("validation", __doc__).parse_args()
    found = rows()
    text = f"WriteRequest of {POINTS:,} points, best run.\n\n" + report.table(
        ("task", "ours", "ms", "other", "ms", "ratio"),
        [
            (task, ours, f"{mine:.2f}", other, f"{theirs:.2f}", f"{theirs / mine:.1f}x")
            for task, ours, mine, other, theirs in found
        ],
    )
    panels = {f"{task}, ms": {ours: mine, other: theirs} for task, ours, mine, other, theirs in found}
    report.write(options.out, "validation", text, panels)


if __name__ == "__main__":
    main()

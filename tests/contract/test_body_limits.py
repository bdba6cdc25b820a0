"""The largest message that the contract lets a route take passes the limits of its route: bytes, values, elements."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from heartguard_common.contract import quantity, shapes
from heartguard_common.contract.contracts import Contracts
from heartguard_common.contract.shapes import Shape
from heartguard_common.core.paths import SCHEMAS_DIR
from heartguard_common.core.registry import SERVICES
from heartguard_common.identity import policy

BUNDLE, CONTRACTS, RULES = shapes.load(SCHEMAS_DIR), Contracts.load(), policy.load()
ISSUED = {"refresh_token", "token"}  # texts of ours that come back: ASCII
# What these hold is bounded by the bytes of a request, or by the service, far below what their schema could hold.
BOUNDED_BY_BYTES = {"WriteRequest", "MediaUpload"}


def routes() -> Iterator[tuple[policy.RouteRule, str]]:
    for service in list(SERVICES)[1:]:
        for route in importlib.import_module(f"heartguard_{service}.routes").ROUTES:
            row = RULES.row(route.method, route.path)
            assert row is not None
            if route.takes and route.takes not in BOUNDED_BY_BYTES:
                yield row, route.takes


def largest(shape: Shape, name: str = "") -> Any:
    """A document as large as the schema lets it be, in characters of four bytes."""
    schema = shape.schema
    if shape.kind == "object":
        return {key: largest(member, key) for key, member in shape.members.items()}
    if shape.kind == "scalar":
        if "enum" in schema:
            return max(schema["enum"], key=lambda value: len(str(value)))
        if "string" not in shape.types:
            return -1.7976931348623157e308
        sign = "a" if "pattern" in schema or name in ISSUED else "\U0001f600"
        return sign * schema.get("maxLength", 64)
    assert shape.item is not None
    if shape.kind == "array":
        return [largest(shape.item) for _ in range(schema["maxItems"])]
    longest = BUNDLE.resolve(schema["propertyNames"]).get("maxLength", 64)
    return {f"{number:0>{longest}}": largest(shape.item) for number in range(schema["maxProperties"])}


def test_the_largest_valid_message_of_each_route_is_accepted(subtests: pytest.Subtests) -> None:
    for row, name in routes():
        with subtests.test(row.id):
            message = BUNDLE.message(name)
            most = quantity.most(message.shape, name)
            document = largest(message.shape)
            as_json = CONTRACTS[name].encode(document, "application/json")
            as_xml = CONTRACTS[name].encode(document, "application/xml")
            assert row.max_body is not None
            assert max(len(as_json), len(as_xml)) <= row.max_body
            assert not quantity.holds_too_much_json(as_json, most)
            assert not quantity.holds_too_much_xml(as_xml, most)


def test_a_write_of_the_maximum_number_of_points_is_accepted() -> None:
    fields = {f"{number:x}": 1 for number in range(20)}
    document = {"bucket": "org_1", "points": [{"measurement": "m", "tags": {"a": "b"}, "fields": fields}] * 10_000}
    most = quantity.most(BUNDLE.message("WriteRequest").shape, "WriteRequest")
    row = RULES.row("POST", "/timeseries/write")
    assert row is not None
    assert row.max_body is not None
    for holds_too_much, kind in (
        (quantity.holds_too_much_json, "application/json"),
        (quantity.holds_too_much_xml, "application/xml"),
    ):
        body = CONTRACTS["WriteRequest"].encode(document, kind)
        assert not holds_too_much(body, most)
    assert len(CONTRACTS["WriteRequest"].encode(document, "application/json")) <= row.max_body

"""How schemas become the shapes that the codec uses."""

import json

import pytest

from heartguard_common.contract import shapes
from heartguard_common.contract.contracts import Contracts
from heartguard_common.core.paths import SCHEMAS_DIR

TEXT = {"type": "string", "maxLength": 9}


def write(directory, name, definitions) -> None:
    (directory / f"{name}.schema.json").write_text(json.dumps({"$defs": definitions}))


def test_files_are_joined_and_references_followed(tmp_path) -> None:
    write(tmp_path, "one", {"text": {**TEXT, "description": "far"}})
    member = {"$ref": "one.schema.json#/$defs/text", "description": "near"}
    write(tmp_path, "two", {"Message": {"type": "object", "properties": {"a": member}, "required": ["a"]}})
    bundle = shapes.load(tmp_path)
    assert bundle.message_names() == ("Message",)
    message = bundle.message("Message")
    assert (message.resource, message.shape.kind, message.shape.required) == ("two", "object", ("a",))
    assert message.shape.members["a"].types == {"string"}
    assert message.shape.members["a"].schema["description"] == "near"
    assert bundle.schema["$defs"]["Message"]["properties"]["a"]["$ref"] == "#/$defs/text"


def test_a_name_that_two_files_define_is_refused(tmp_path) -> None:
    write(tmp_path, "one", {"text": TEXT})
    write(tmp_path, "two", {"text": TEXT})
    with pytest.raises(ValueError, match=r"two\.schema\.json defines again: text"):
        shapes.load(tmp_path)


@pytest.mark.parametrize("stated", [None, ["object", "string"], "null"])
def test_a_schema_without_a_shape_is_refused(stated) -> None:
    bundle = shapes.Bundle({"$defs": {}}, {})
    with pytest.raises(ValueError, match="no shape"):
        bundle.shape({} if stated is None else {"type": stated})


def test_contracts_without_their_xsd_do_not_load(tmp_path) -> None:
    write(tmp_path, "one", {"Message": {"type": "object", "properties": {"a": TEXT}}})
    with pytest.raises(OSError, match=r"one\.xsd"):
        Contracts.load(tmp_path)


def test_names_are_those_of_the_files() -> None:
    contracts = Contracts.load(SCHEMAS_DIR)
    assert "LoginRequest" in contracts
    assert "email" not in contracts.names()
    assert all(contracts[name].name == name for name in contracts.names())


def test_a_checked_answer_is_unchanged() -> None:
    document = {"removed": 1.0}
    Contracts.load()["ErasureResult"].check(document)
    assert repr(document) == "{'removed': 1.0}"

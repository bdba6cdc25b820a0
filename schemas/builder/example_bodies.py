"""Bodies in JSON and in XML from one example document, checked against the contract before they are written."""

import json
import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, NamedTuple

from heartguard_common.contract.contracts import Contracts, Violations
from schemas.builder import examples
from schemas.builder.scenario import ScenarioError

SLOT = re.compile(r"\{([a-z_]+)\}")
JSON, XML = "application/json", "application/xml"


class Bodies(NamedTuple):
    """A body in both formats, and the document; `{name}` stands for a value of the run."""

    json: str
    xml: str
    document: Mapping[str, object]


def bodies(message: str, template: str, samples: Mapping[str, str]) -> Bodies:
    """The bodies of a JSON text in which `"{name}"` stands for a value, also for a number.

    `samples` has a value of each name, by which the document is checked. Raises ScenarioError where it breaks the
    contract of the message.
    """
    contract = _contracts()[message]
    try:
        sampled = json.loads(SLOT.sub(lambda slot: samples[slot[1]], template))
        as_xml = contract.encode(sampled, XML)
        # XML has no types of its own: what is decoded from it has those of the contract, where a slot was a text.
        document = contract.decode(as_xml, XML)
        as_json = contract.encode(document, JSON)
    except (KeyError, ValueError, Violations) as error:
        found = "; ".join(f"{it.path} {it.message}" for it in getattr(error, "violations", ())) or repr(error)
        raise ScenarioError(f"no {message}: {template}: {found}") from error
    slots = {samples[name]: f"{{{name}}}" for name in SLOT.findall(template)}
    texts = (as_json.decode(), re.sub(r"^<\?xml[^>]*>\n", "", as_xml.decode()))
    filled = [_replace(text, slots) for text in texts]
    return Bodies(filled[0], filled[1], json.loads(_replace(json.dumps(_texts(document)), slots)))


def example(message: str, known: Collection[str]) -> str:
    """The JSON text of the first example of a message in openapi.json; members of `known` names have the run's value.

    Raises ScenarioError where the message has no example.
    """
    for key, entry in _examples().items():
        owner, _, form = key.split(".")
        if (owner, form) == (message, "json"):
            document = entry["value"]
            return json.dumps(document | {name: f"{{{name}}}" for name in document if name in known})
    raise ScenarioError(f"schemas/vectors/{message} has no example, a small document *_PASS.json")


def _replace(text: str, slots: Mapping[str, str]) -> str:
    for sample in sorted(slots, key=len, reverse=True):
        text = text.replace(sample, slots[sample])
    return text


def _texts(value: object) -> object:
    """A document whose numbers are texts, so that a slot may stand in the place of each."""
    if isinstance(value, dict):
        return {name: _texts(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


@cache
def _contracts() -> Contracts:
    return Contracts.load()


@cache
def _examples() -> Mapping[str, Any]:
    return examples.examples()

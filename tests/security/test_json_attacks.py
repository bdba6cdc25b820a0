"""Hostile JSON through the gateway: one reading or none, and nothing stored of what is refused."""

import gzip
import time
from collections.abc import Callable

import pytest
import requests

from heartguard_common.contract.json_documents import dump_json
from tests.protection.callers import World
from tests.security.documents import MARK, TARGETS, Target
from tests.security.test_xml_attacks import spared

JSON = "application/json"
LARGEST = 8 * 1024 * 1024
Attack = Callable[[bytes], bytes]


def text(inner: bytes) -> Attack:
    """Something in the place of a text, between its quotes."""
    return lambda good: good.replace(MARK.encode(), inner)


def member(inner: bytes) -> Attack:
    """A member before all others."""
    return lambda good: good.replace(b"{", b"{" + inner + b",", 1)


MALFORMED: dict[str, Attack] = {
    "a key twice": lambda good: good.replace(b"{", good[:-1] + b",", 1),
    "a key twice, once in escapes": lambda good: (
        b'{"\\u%04x%b":"x",%b' % (good[2], good[3 : good.index(b'"', 3)], good[1:])
    ),
    "__proto__ twice": member(b'"__proto__":{},"__proto__":{}'),
    "NaN": member(b'"x":NaN'),
    "Infinity": member(b'"x":-Infinity'),
    "more than a double": member(b'"x":1e400'),
    "a number of five thousand digits": member(b'"x":' + b"9" * 5000),
    "a number in hexadecimal": member(b'"x":0x10'),
    "a lone surrogate": text(b"\\ud800"),
    "a lone surrogate in a key": member(b'"\\udfff":1'),
    "a surrogate in bytes": text(b"\xed\xa0\x80"),
    "an overlong sign": text(b"\xc0\xa2"),
    "bytes that are no UTF-8": text(b"\xff"),
    "a NUL": text(b"a\x00b"),
    "a raw line feed": text(b"a\nb"),
    "a byte order mark": lambda good: b"\xef\xbb\xbf" + good,
    "UTF-16": lambda good: good.decode().encode("utf-16"),
    "UTF-16 without a mark": lambda good: good.decode().encode("utf-16-le"),
    "UTF-32": lambda good: good.decode().encode("utf-32"),
    "two documents": lambda good: good + good,
    "text behind the end": lambda good: good + b" x",
    "a NUL behind the end": lambda good: good + b"\x00",
    "a comment": lambda good: b"/* x */" + good,
    "a comma too many": lambda good: good[:-1] + b",}",
    "apostrophes": lambda good: good.replace(b'"', b"'"),
    "65 levels": member(b'"x":' + b"[" * 64 + b"]" * 64),
    "a hundred thousand levels": member(b'"x":' + b"[" * 100_000),
    "nothing": lambda _: b"",
}
BROKEN: dict[str, Attack] = {
    "__proto__": member(b'"__proto__":{"role":"admin"}'),
    "constructor": member(b'"constructor":{"prototype":{"role":"admin"}}'),
    "__class__": member(b'"__class__":"x"'),
    "no object": lambda good: b"[" + good + b"]",
    "null": lambda _: b"null",
    "an escaped NUL": text(b"a\\u0000b"),
    "an escape sequence of a terminal": text(b"\\u001b[2J"),
    "a carriage return": text(b"a\\rb"),
    "a string of seven megabytes": text(b"x" * 7_000_000),
}
LARGE: dict[str, Attack] = {
    "a body over the limit": lambda good: good + b" " * LARGEST,
    "a string over the limit": text(b"x" * LARGEST),
}


@pytest.mark.parametrize(
    ("attacks", "status"), [(MALFORMED, 400), (BROKEN, 422), (LARGE, 413)], ids=["malformed", "broken", "large"]
)
@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_an_attack_is_refused_and_leaves_nothing(
    world: World, target: Target, attacks: dict[str, Attack], status: int
) -> None:
    before = spared(world)
    wrong = []
    for name, attack in attacks.items():
        began = time.monotonic()
        body = attack(dump_json(target.document))
        answer = target.send(world, world.founders["own"], body, JSON)
        spent = time.monotonic() - began
        expected = 413 if len(body) > target.limit else status
        if (answer.status_code, answer.json()["error"]["code"]) != (expected, f"GEN_{expected}") or spent > 60:
            wrong.append(f"{name}: {answer.status_code} in {spent:.1f} s: {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert spared(world) == before


def test_a_json_compression_bomb_is_refused_by_its_unpacked_size(world: World) -> None:
    bomb = gzip.compress(b'{"full_name":"' + b"x" * 50_000_000)
    assert len(bomb) < 100_000
    headers = {**world.regulars["user"].bearer, "Content-Type": JSON, "Content-Encoding": "gzip"}
    answer = requests.put(world.urls["gateway"] + "/users/me", data=bomb, headers=headers, timeout=20)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "GEN_413")


def test_special_member_names_are_plain_data(world: World) -> None:
    who = world.regulars["user"]
    chosen = {"__proto__": "x", "constructor": True, "toString": 1, "role": "admin", "is_admin": True, "org_id": 1}
    before = world.call("GET", "/users/me", who)
    after = world.call("PUT", "/users/me", who, json={"preferences": chosen})
    assert after == {**before, "preferences": chosen}
    assert after["role"] == "user"

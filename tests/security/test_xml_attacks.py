"""Hostile XML through the gateway: refused before it means anything, nothing fetched, nothing stored."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from tests.protection.callers import World
from tests.security.conftest import Listener
from tests.security.documents import MARK, TARGETS, Target

XML = "application/xml"
CANARY = "canary-of-the-file"
LEVELS = 64  # of a document at most, says the contract
Attack = Callable[[str, str, str], bytes | str]
"""A body made of a good document, a file's URL and the listener's URL."""


def doctype(subset: str, text: str = "&a;") -> Attack:
    """The document under a document type declaration, with an entity in the place of a text."""
    return lambda good, file, url: (
        f"<!DOCTYPE x {subset.replace('FILE', file).replace('HTTP', url)}>" + good.replace(MARK, text)
    )


def laughs(levels: int) -> str:
    steps = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, levels))
    return f'[<!ENTITY a0 "ha">{steps}<!ENTITY a "&a{levels - 1};">]'


def declared(name: str, encoding: str) -> Attack:
    """A declaration that names one encoding before bytes in another."""
    return lambda good, _, __: f'<?xml version="1.0" encoding="{name}"?>{good.replace(MARK, "é")}'.encode(encoding)


def text(inner: str | bytes) -> Attack:
    """Something in the place of a text."""
    raw = inner if isinstance(inner, bytes) else inner.encode()
    return lambda good, _, __: good.encode().replace(MARK.encode(), raw)


MALFORMED: dict[str, Attack] = {
    "an empty declaration": doctype("", MARK),
    "an internal entity": doctype('[<!ENTITY a "boo">]'),
    "an entity in an attribute": doctype('[<!ENTITY a "boo"><!ATTLIST x y CDATA "&a;">]', MARK),
    "an external entity of a file": doctype('[<!ENTITY a SYSTEM "FILE">]'),
    "an external entity of the network": doctype('[<!ENTITY a SYSTEM "HTTP/a">]'),
    "a public entity": doctype('[<!ENTITY a PUBLIC "-//x//y" "HTTP/a">]'),
    "a parameter entity": doctype('[<!ENTITY % p SYSTEM "HTTP/p.dtd"> %p;]', MARK),
    "an external subset": doctype('SYSTEM "HTTP/x.dtd"', MARK),
    "an unparsed entity": doctype('[<!NOTATION n SYSTEM "x"><!ENTITY a SYSTEM "FILE" NDATA n>]', MARK),
    "a billion laughs": doctype(laughs(10)),
    "a quadratic blow-up": doctype(f'[<!ENTITY a "{"x" * 50_000}">]', "&a;" * 50_000),
    "an entity of itself": doctype('[<!ENTITY a "&b;"><!ENTITY b "&a;">]'),
    "a declaration after a comment": lambda good, *_: f"<!-- x --><?y?>\n<!DOCTYPE x>{good}",
    "a declaration in UTF-16": lambda good, *_: f'<!DOCTYPE x [<!ENTITY a "boo">]>{good}'.encode("utf-16"),
    "an entity nobody declared": text("&nbsp;"),
    "UTF-16 with its mark": lambda good, *_: good.encode("utf-16"),
    "UTF-16 without a mark": lambda good, *_: good.encode("utf-16-be"),
    "UTF-32": lambda good, *_: good.encode("utf-32"),
    "EBCDIC": lambda good, *_: good.encode("cp037"),
    "declared as UTF-16, and UTF-8": declared("UTF-16", "utf-8"),
    "declared as UTF-8, and UTF-16": declared("UTF-8", "utf-16"),
    "declared as UTF-8, and Latin-1": declared("UTF-8", "iso-8859-1"),
    "declared as ASCII, and UTF-8": declared("us-ascii", "utf-8"),
    "UTF-7": lambda good, *_: f'<?xml version="1.0" encoding="UTF-7"?>{good}'.replace("<", "+ADw-"),
    "declared as UTF-7": declared("UTF-7", "utf-8"),
    "declared as Latin-1": declared("ISO-8859-1", "iso-8859-1"),
    "declared as Shift-JIS": lambda good, *_: f'<?xml version="1.0" encoding="Shift_JIS"?>{good}',
    "an overlong sign": text(b"\xc0\xbc"),
    "half a pair of surrogates": text(b"\xed\xa0\x80"),
    "a surrogate by number": text("&#xD800;"),
    "a NUL": text(b"a\x00b"),
    "a NUL by number": text("&#0;"),
    "a control character by number": text("&#x1;"),
    "a character that is none": text("&#xFFFE;"),
    "a NUL behind the end": lambda good, *_: good + "\x00",
    "two documents": lambda good, *_: good + good,
    "text behind the end": lambda good, *_: good + "x",
    "a second declaration": text('<?xml version="1.0"?>'),
    "an open end": lambda good, *_: good[:-1],
    "a mark section": text("]]>"),
    "one level too many": text("<a>" * LEVELS + "</a>" * LEVELS),
    "a hundred thousand levels": text("<a>" * 100_000),
    "an attribute twice": text('<a b="1" b="2"/>'),
    "a prefix that is not bound": text("<x:a/>"),
}
XI = "http://www.w3.org/2001/XInclude"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
BROKEN: dict[str, Attack] = {
    "XInclude of a file": lambda good, file, _: good.replace(
        MARK, f'<xi:include xmlns:xi="{XI}" parse="text" href="{file}"/>'
    ),
    "XInclude of the network": lambda good, _, url: good.replace(
        MARK, f'<xi:include xmlns:xi="{XI}" href="{url}/a"><xi:fallback/></xi:include>'
    ),
    "another type": lambda good, *_: good.replace(">", f' xmlns:xsi="{XSI}" xsi:type="x">', 1),
    "another base": lambda good, file, _: good.replace(">", f' xml:base="{file}">', 1),
    "another namespace": lambda good, *_: good.replace(">", ' xmlns="urn:heartguard">', 1),
    "a flood of attributes": lambda good, *_: good.replace(
        ">", " " + " ".join(f'a{n}="1"' for n in range(50_000)) + ">", 1
    ),
}


def spared(world: World) -> tuple[object, object]:
    admin = world.founders["own"]
    return world.call("GET", "/organization", admin), world.call("GET", "/users/me", admin)


@pytest.mark.parametrize(("attacks", "status"), [(MALFORMED, 400), (BROKEN, 422)], ids=["malformed", "broken"])
@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_an_attack_is_refused_and_leaves_nothing(
    world: World, listener: Listener, tmp_path: Path, target: Target, attacks: dict[str, Attack], status: int
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(CANARY)
    before = spared(world)
    wrong = []
    for name, attack in attacks.items():
        attacked = attack(target.xml(), secret.as_uri(), listener.url)
        body = attacked if isinstance(attacked, bytes) else attacked.encode()
        expected = 413 if len(body) > target.limit else status
        began = time.monotonic()
        answer = target.send(world, world.founders["own"], body, XML)
        spent = time.monotonic() - began
        said = etree.fromstring(answer.content)
        if (answer.status_code, said.findtext("code")) != (expected, f"GEN_{expected}") or spent > 60:
            wrong.append(f"{name}: {answer.status_code} in {spent:.1f} s: {answer.text[:200]}")
        if CANARY in answer.text or "boo" in answer.text:
            wrong.append(f"{name}: the answer shows what the entity stood for")
    assert not wrong, "\n".join(wrong)
    assert spared(world) == before


@pytest.mark.parametrize(
    ("attack", "stored"),
    [
        (lambda good, url: good.replace(">", f' xmlns:xsi="{XSI}" xsi:schemaLocation="urn:x {url}/x.xsd">', 1), MARK),
        (lambda good, url: good.replace(">", f' xmlns:xsi="{XSI}" xsi:noNamespaceSchemaLocation="{url}">', 1), MARK),
        (lambda good, url: f'<?xml-stylesheet type="text/xsl" href="{url}/x.xsl"?>{good}', MARK),
        (lambda good, _: f"<!-- <!DOCTYPE x> -->{good}", MARK),
        (lambda good, _: good.replace(MARK, '<![CDATA[<!DOCTYPE a [<!ENTITY b "c">]>&b;]]>'),
         '<!DOCTYPE a [<!ENTITY b "c">]>&b;'),
        (lambda good, _: good.replace(MARK, "&#60;!ENTITY&#62;"), "<!ENTITY>"),
        (lambda good, _: good.replace(MARK, "O&apos;Brien &amp;lt;b&gt;"), "O'Brien &lt;b>"),
    ],
    ids=["schemaLocation", "noNamespaceSchemaLocation", "stylesheet", "comment", "CDATA", "references", "escapes"],
)  # fmt: skip
def test_harmless_xml_that_resembles_an_attack_is_accepted(
    world: World, listener: Listener, attack: Callable[[str, str], str], stored: str
) -> None:
    who = world.regulars["user"]
    (target,) = [target for target in TARGETS if target.path == "/users/me"]
    answer = target.send(world, who, attack(target.xml(), listener.url).encode(), XML)
    assert answer.status_code == 200, answer.text
    assert etree.fromstring(answer.content).findtext("full_name") == stored
    assert world.call("GET", "/users/me", who)["full_name"] == stored

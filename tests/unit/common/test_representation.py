"""Strict JSON, hardened XML, and the choice of a representation."""

import json

import pytest

from heartguard_common.contract.json_documents import Malformed, dump_json, parse_json
from heartguard_common.contract.representation import choose
from heartguard_common.contract.xml_documents import parse_xml, xml_safe

OFFERS = ("application/json", "application/xml", "text/xml")


NOT_STRICT_JSON = [
    b'{"a":1,"a":2}',
    b'{"a":{"b":1,"\\u0062":1}}',
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":1e400}',
    b'{"a":-1e400}',
    b'{"a":' + b"9" * 400 + b".0}",
    b'{"a":' + b"9" * 4301 + b"}",
    b'\xef\xbb\xbf{"a":1}',
    '{"a":1}'.encode("utf-16"),
    b'{"a":"\xff"}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\\ud800"}',
    b'{"\\udfff":1}',
    b'{"a":["\\ud83d x"]}',
    b'{"a":"\x01"}',
    b'{"a":"\n"}',
    b"{'a':1}",
    b'{"a":1,}',
    b'{"a":01}',
    b'{"a":1} x',
    b"",
    b" ",
    b"[" * 65 + b"]" * 65,
    b"[" * 100_000,
    b'{"a":' * 100_000,
]


def test_non_strict_json_is_malformed(subtests: pytest.Subtests) -> None:
    for body in NOT_STRICT_JSON:
        with subtests.test(str(body)), pytest.raises(Malformed):
            parse_json(body)


STRICT_JSON = [
    (b'{"a":1}', {"a": 1}),
    (b'{"a":"\\ud83d\\udc93"}', {"a": "\U0001f493"}),
    (b'{"a":' + b"9" * 4300 + b"}", {"a": int("9" * 4300)}),
    (b'{"a":1e308}', {"a": 1e308}),
    (b'{"a":{"b":1},"b":1}', {"a": {"b": 1}, "b": 1}),
    (b"[" * 64 + b"]" * 64, None),
    (b'["' + b"[" * 100 + b'"]', ["[" * 100]),
    (b" null\n", None),
]


def test_strict_json_is_read(subtests: pytest.Subtests) -> None:
    for body, document in STRICT_JSON:
        with subtests.test(str(body)):
            parsed = parse_json(body)
            assert document is None or parsed == document


# The quick reader counts keys in the text; each of these would deceive a count that is not exact.
TWICE = [
    b'{"a":1,"a":2}',
    b'{"a" :1,"a" :2}',
    b'{"a"\n:1,"a"\t:":"}',
    b'{"a":{"b":1,"c":2},"a":{"b":1}}',
    b'[{"a":[{"x":1,"x":1}]}]',
    b'{"a":1,"\\u0061":2}',
    b'{"a":1,"a" :":","b":"\\u0022:"}',
    b'{"a":1,"a":"\\":"}',
]


def test_a_duplicate_key_is_malformed(subtests: pytest.Subtests) -> None:
    for body in TWICE:
        with subtests.test(str(body)), pytest.raises(Malformed, match="twice"):
            parse_json(body)


@pytest.mark.parametrize(
    "body", [b'{"a":":","b":"::"}', b'{ "a" : ":" }', b'[":",{":":1}]', b'{"\\"":"\\":","a":"\\u0022:"}', b'[[],{},""]']
)
def test_json_delimiters_inside_strings_are_text(body: bytes) -> None:
    assert parse_json(body) == json.loads(body)


def test_no_message_quotes_the_body() -> None:
    for body in (b'{"password":"Secret123" "x"}', b'{"Secret123":1,"Secret123":2}', b'["Secret123", 1e400]'):
        with pytest.raises(Malformed) as caught:
            parse_json(body)
        assert "Secret123" not in str(caught.value)
    with pytest.raises(Malformed) as caught:
        parse_xml(b"<a><password>Secret123</passwort></a>")
    assert "Secret123" not in str(caught.value)
    assert "passwort" not in str(caught.value)


def test_json_is_written_as_utf_8_without_blanks() -> None:
    assert dump_json({"a": [1, 1.5, True, None, "é\u2028"]}) == '{"a":[1,1.5,true,null,"é\u2028"]}'.encode()
    with pytest.raises(ValueError, match="JSON"):
        dump_json({"a": float("nan")})


NOT_SAFE_XML = [
    b"<!DOCTYPE a><a/>",
    b"<?xml version='1.0'?>\n<!-- c --><?pi?><!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
    b'<!DOCTYPE a [<!ENTITY x "' + b"y" * 1000 + b'">]><a b="&x;&x;"/>',
    b"<a>&nbsp;</a>",
    b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>',
    '<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16"),
    b"<a>\xff</a>",
    b"<a>&#1;</a>",
    b"<a>&#xFFFE;</a>",
    b"<a>&#xD800;</a>",
    b"<a>\xed\xa0\x80</a>",
    b"<a><b></a></b>",
    b"<a/><a/>",
    b"<a x='1' x='2'/>",
    b"<a><x:b/></a>",
    b"",
    b"{}",
    b"<a>" * 65 + b"</a>" * 65,
    b"<a>" * 100_000,
]


def test_unsafe_xml_is_malformed(subtests: pytest.Subtests) -> None:
    for body in NOT_SAFE_XML:
        with subtests.test(str(body)), pytest.raises(Malformed):
            parse_xml(body)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<a>x<!-- c -->y<?pi?>z</a>", "xyz"),
        (b"<a><![CDATA[<!DOCTYPE b>]]></a>", "<!DOCTYPE b>"),
        (b"<!-- <!DOCTYPE a> --><a>x</a>", "x"),
        (b"<a>&lt;&#233;\r\n&#13;</a>", "<é\n\r"),
        (b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8" standalone="yes"?><a>\xc3\xa9</a>', "é"),
        (b"<a>" + b"x" * 7_000_000 + b"</a>", "x" * 7_000_000),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_safe_xml_is_read(body: bytes, text: str) -> None:
    assert parse_xml(body).text == text


def test_xml_may_have_64_levels() -> None:
    assert parse_xml(b"<a>" * 64 + b"</a>" * 64).tag == "a"


def test_a_prolog_of_comments_takes_linear_time() -> None:
    assert parse_xml(b"<!-- <!DOCTYPE -->" * 50_000 + b"<a/>").tag == "a"


def test_a_character_outside_of_xml_is_replaced() -> None:
    assert xml_safe("a\x00b\x0bc\ufffed\ud800e\tf\n") == "a\ufffdb\ufffdc\ufffdd\ufffde\tf\n"


ACCEPTED = [
    (None, "application/json"),
    ("", "application/json"),
    ("*/*", "application/json"),
    ("application/*", "application/json"),
    ("text/*", "text/xml"),
    ("application/xml", "application/xml"),
    ("TEXT/XML", "text/xml"),
    ("application/json;q=0.5, application/xml", "application/xml"),
    ("application/xml;q=0.1, */*;q=0.2", "application/json"),
    ("*/*;q=0.9, application/json;q=0.1", "application/xml"),
    ("application/*;q=0.5, application/json;q=0, text/xml;q=0.4", "application/xml"),
    ("application/json;q=0", None),
    ("application/json;q=0, */*", "application/xml"),
    ("text/html", None),
    ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "application/xml"),
    ("application/json; charset=utf-8", "application/json"),
    ("application/json;version=2", None),
    ("application/json;q=2, text/xml;q=0.1", "text/xml"),
    ("application/xml , application/json", "application/json"),
    (",,application/xml,", "application/xml"),
    ("application/xml; q = 0.5, text/xml; q=0.6", "text/xml"),
]


def test_the_best_offer_is_chosen(subtests: pytest.Subtests) -> None:
    for accept, expected in ACCEPTED:
        with subtests.test(str(accept)):
            assert choose(accept, OFFERS) == expected


def test_an_empty_list_of_offers_accepts_nothing() -> None:
    assert choose(None, ()) is None
    assert choose("*/*", ()) is None

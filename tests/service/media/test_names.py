"""The corpus of hostile file names: refused, or kept as data that does no harm."""

import re
from urllib.parse import unquote

import pytest
from lxml import etree

from tests.service.media.conftest import content_of, objects, put

REFUSED = [
    "",
    "a\x00.png",
    "a\r\nSet-Cookie: x=1",
    "a\rb",
    "a\x1b[2Jb",
    "a\x7fb",
    "a\x85b",
    "a\ufffeb",
    "x" * 256,
    "x" * 4096,
]
# The name as sent, and the name under which a browser would save it.
KEPT = {
    "beat.png": "beat.png",
    "../../etc/passwd": "_.._.._etc_passwd",
    "..\\..\\win.ini": "_.._.._win.ini",
    "/etc/passwd": "_etc_passwd",
    "C:\\x.png": "C__x.png",
    "..": "_..",
    ".htaccess": "_.htaccess",
    "CON": "_CON",
    "nul.png": "_nul.png",
    "LPT1.txt": "_LPT1.txt",
    'a"; filename="b.exe': "a_; filename=_b.exe",
    "a;b=c.png": "a;b=c.png",
    "a%2fb.png": "a_2fb.png",
    "$(reboot)`id`.png": "$(reboot)`id`.png",
    "<script>alert(1)</script>": "_script_alert(1)__script_",
    "\u202egnp.exe": "_gnp.exe",
    "a\u2066b\u2069.png": "a_b_.png",
    "a\u200bb.png": "a_b.png",
    "a\u2028b.png": "a_b.png",
    "ñandú.png": "ñandú.png",
    "心拍.png": "心拍.png",
    "\U0001f493.png": "\U0001f493.png",
    "e\u0301.png": "e\u0301.png",
    "x" * 255: "x" * 255,
    "' OR 1=1 --": "' OR 1=1 --",
    "O'Brien & <Sons>.pdf": "O'Brien & _Sons_.pdf",
}


def saved_as(header):
    """The extended name, which goes before the plain one, read by the grammar of RFC 8187 section 3.2.1."""
    match = re.fullmatch(
        r"attachment; filename=\"[^\"]+\"; filename\*=UTF-8''((?:[\w!#$&+.^`|~-]|%[0-9A-F]{2})+)", header
    )
    return unquote(match[1], errors="strict")


@pytest.mark.parametrize("name", REFUSED)
def test_invalid_file_names_are_refused(client, people, environ, name):
    answers = [
        put(client, people.user, name=name),
        client.post(
            "/media/uploads",
            json={"file_name": name, "content_type": "image/png", "size": 9},
            headers=people.user,
        ),
    ]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert objects(environ) == []


@pytest.mark.parametrize("name", KEPT)
def test_valid_file_names_are_kept(client, people, environ, name):
    item = put(client, people.user, name=name).json
    assert item["file_name"] == name
    xml = client.get(f"/media/items/{item['id']}", headers={**people.user, "Accept": "application/xml"}).data
    assert etree.fromstring(xml).findtext("file_name") == name
    header = content_of(client, people.user, item["id"]).headers["Content-Disposition"]
    assert header.isascii()
    assert header.count('"') == 2
    assert saved_as(header) == KEPT[name]
    # For readers that know only the plain form.
    plain = header.partition('filename="')[2].partition('"')[0]
    assert plain
    assert not set(plain) & set('/\\"%\r\n')
    assert not plain.startswith(".")
    # Nothing of it reaches the disk.
    assert [path.name for path in objects(environ)] == [item["id"]]


ACTIVE = {
    "text/html": b"<!DOCTYPE html><script>alert(1)</script>",
    "image/svg+xml": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "application/xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "text/javascript": b"alert(1)",
}


@pytest.mark.parametrize("content_type", ACTIVE)
def test_active_content_is_refused_where_it_is_not_named(client, people, environ, content_type):
    answer = put(client, people.user, ACTIVE[content_type], "x", content_type)
    assert (answer.status_code, answer.json["error"]["code"]) == (415, "MEDIA_010")
    assert objects(environ) == []


@pytest.mark.parametrize("content_type", ACTIVE)
class TestWhereItIsNamed:
    @pytest.fixture
    def environ(self, environ, content_type):
        return {**environ, "MEDIA_TYPES": f"image/*, {content_type}"}

    def test_content_is_served_so_that_browsers_do_not_run_it(self, client, people, content_type):
        item = put(client, people.user, ACTIVE[content_type], "x.png", content_type).json
        answer = content_of(client, people.user, item["id"])
        assert answer.data == ACTIVE[content_type]
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize(
    ("content_type", "content"), [("image/png", b"\xff\xd8\xff\xe0not a png"), ("text/plain", b"\x00\x01\x02")]
)
def test_bytes_that_contradict_their_type_are_refused(client, people, environ, content_type, content):
    answer = put(client, people.user, content, "x", content_type)
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "MEDIA_011")
    assert answer.json["error"]["details"][0]["path"] == "/content_type"
    assert objects(environ) == []

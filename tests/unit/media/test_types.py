"""The corpus of types: what each file is said to be, what it is, and what follows."""

import pytest

from heartguard_media.domain.types import contradiction, is_active, is_allowed, is_media_type
from heartguard_media.settings import TYPES

# The first bytes as the formats' own specifications have them.
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452")
BOMB = PNG + (50_000).to_bytes(4, "big") * 2 + b"\x08\x06\x00\x00\x00"
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00"
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 "
BMP = b"BM\x3a\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00"
TIFF = b"II*\x00\x08\x00\x00\x00\x00\x00"
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"
AVIF = b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
ZIP = b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + bytes(16)
GZIP = b"\x1f\x8b\x08\x00" + bytes(6)
DICOM = bytes(128) + b"DICM\x02\x00\x00\x00UL"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00"
FLAC = b"fLaC\x00\x00\x00\x22"
MP3 = b"\xff\xfb\x90\x64" + bytes(400)
MP3_TAGGED = b"ID3\x04\x00\x00\x00\x00\x00\x0f" + bytes(20)
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
AVI = b"RIFF\x24\x00\x00\x00AVI LIST"
FIT = bytes.fromhex("0e10d90700000000") + b".FIT\x00\x00"
EXE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff"
HTML = b"\n \t<!DOCTYPE html><html>"
SCRIPT = b"<script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
SVG_LATE = b'<?xml version="1.0"?>\n<!-- a comment -->\n' + SVG
SVG_PREFIXED = b'<s:svg xmlns:s="http://www.w3.org/2000/svg"/>'
ENTITIES = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
PHP = b"<?php system($_GET[0]); ?>"
SHELL = b"#!/bin/sh\nrm -rf /\n"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
CSV = b"time,bpm\n2026-01-01T00:00:00Z,60\n"
UTF16 = "ritmo cardíaco".encode("utf-16")

AS_STATED = [
    ("image/png", PNG),
    ("IMAGE/PNG; q=1", PNG),
    ("image/x-png", PNG),
    ("image/png", BOMB),  # nothing here decodes it
    ("image/jpeg", JPEG),
    ("image/jpg", JPEG),
    ("image/jpeg", JPEG + PHP),  # a JPEG with PHP in it is served as a JPEG, as an attachment
    ("image/gif", GIF),
    ("image/gif", GIF + SCRIPT),
    ("image/webp", WEBP),
    ("image/bmp", BMP),
    ("image/tiff", TIFF),
    ("image/heic", HEIC),
    ("image/heif", HEIC),
    ("image/avif", AVIF),
    ("application/pdf", PDF),
    ("application/zip", ZIP),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ZIP),
    ("application/gzip", GZIP),
    ("application/dicom", DICOM),
    ("audio/wav", WAV),
    ("audio/flac", FLAC),
    ("audio/mpeg", MP3),
    ("audio/mpeg", MP3_TAGGED),
    ("video/mp4", MP4),
    ("video/x-msvideo", AVI),
    ("application/vnd.ant.fit", FIT),
    ("text/csv", CSV),
    ("text/plain; charset=utf-16", UTF16),
    ("text/plain", b""),
    ("text/plain", HTML),  # plain text about HTML, and served as plain text
    ("text/plain", EICAR),  # nothing here looks for viruses
    ("application/json", b'{"bpm": 60}'),
    *(("application/octet-stream", content) for content in (b"", PNG, HTML, EXE, SHELL, ENTITIES)),
    # Where the allow-list names an active type, it gets what it asked for.
    ("text/html", HTML),
    ("image/svg+xml", SVG),
    ("application/xml", ENTITIES),
]

OTHERWISE = [
    ("image/png", JPEG, "image/jpeg"),
    ("image/png", b"", "something else"),
    ("image/png", PNG[:4], "something else"),
    ("image/png", b"\x00" + PNG, "something else"),
    ("image/png", HTML, "text/html"),
    ("image/png", SVG, "image/svg+xml"),
    ("image/jpeg", SCRIPT, "text/html"),
    ("image/jpeg", PHP, "something else"),
    ("image/jpeg", PHP + JPEG, "something else"),
    ("image/jpeg", EXE, "something else"),
    ("image/x-icon", SVG_LATE, "image/svg+xml"),
    ("image/x-icon", SVG_PREFIXED, "image/svg+xml"),
    ("image/x-icon", SHELL, "text/plain"),
    ("audio/mpeg", SHELL, "text/plain"),
    ("audio/mpeg", PNG, "image/png"),
    ("video/mp4", PDF, "application/pdf"),
    ("application/pdf", HTML, "text/html"),
    ("application/pdf", ZIP, "something else"),
    ("application/zip", SHELL, "something else"),
    ("application/dicom", PDF, "application/pdf"),
    ("application/vnd.ant.fit", ENTITIES, "text/xml"),
    ("application/vnd.ant.fit", GIF, "image/gif"),
    ("text/plain", PNG, "application/octet-stream"),
    ("text/csv", EXE, "application/octet-stream"),
    ("application/json", b"\x00", "application/octet-stream"),
]


def test_matching_types_are_accepted_as_stated(subtests):
    for said, content in AS_STATED:
        with subtests.test(said):
            assert contradiction(said, content) is None


def test_contradicting_types_are_refused(subtests):
    for said, content, found in OTHERWISE:
        with subtests.test(said):
            assert contradiction(said, content) == found


ACTIVE = [
    *("text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml", "application/gpx+xml"),
    *("text/javascript", "application/javascript", "application/x-javascript", "text/ecmascript", "text/jscript"),
    *("application/x-httpd-php", "application/x-sh"),
]


def test_active_types_are_taken_only_where_they_are_named(subtests):
    for name in ACTIVE:
        with subtests.test(name):
            assert is_active(name)
            for patterns in (TYPES, ("*/*",), (f"{name.partition('/')[0]}/*",)):
                assert not is_allowed(name, patterns)
                assert not is_allowed(f"{name.upper()}; charset=utf-8", patterns)
            assert is_allowed(f"{name.upper()}; charset=utf-8", (name,))


USUAL = [
    ("image/png", True),
    ("IMAGE/PNG", True),
    ("audio/mpeg", True),
    ("text/plain;charset=utf-8", True),
    ("text/css", False),
    ("application/x-msdownload", False),
    ("imagex/png", False),
    ("application/vnd.ant.fit", True),
]


def test_the_usual_allow_list(subtests):
    for name, answer in USUAL:
        with subtests.test(name):
            assert is_allowed(name, TYPES) is answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("image/png", True),
        ("text/plain; charset=utf-8", True),
        ("image", False),
        ("image/png\r\nX: y", False),
        ("image/png\x00", False),
        ("a/" + "b" * 300, False),
    ],
)
def test_media_types(text, answer):
    assert is_media_type(text) is answer

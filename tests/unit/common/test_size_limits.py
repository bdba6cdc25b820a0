"""Bodies with millions of values are refused before they are parsed; those that only look similar are not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heartguard_common.contract import shapes, size_limits
from heartguard_common.contract.contracts import Contracts, Violations
from heartguard_common.contract.json_documents import Malformed
from heartguard_common.contract.size_limits import json_exceeds, xml_exceeds
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.paths import SCHEMAS_DIR
from heartguard_common.http.call_decoding import require_valid

JSON, XML = "application/json", "application/xml"
MIB = 1024 * 1024
MOST = size_limits.size_limit(shapes.load(SCHEMAS_DIR).message("WriteRequest").shape, "WriteRequest")


def filled(head: bytes, unit: bytes, tail: bytes) -> bytes:
    """A body of 8 MiB at most."""
    return head + unit * ((8 * MIB - len(head) - len(tail)) // len(unit)) + tail


ATTRIBUTES = b" ".join(b"a%d=''" % number for number in range(300_000))
BODIES = [
    (filled(b'{"points":[', b"[],", b"[]]}"), JSON),
    (filled(b'{"points":[', b"{},", b"{}]}"), JSON),
    (filled(b'{"points":[', b"[" * 60 + b"]" * 60 + b",", b"[]]}"), JSON),
    (filled(b"<WriteRequest><points>", b"<a/>", b"</points></WriteRequest>"), XML),
    (filled(b"<WriteRequest><points>", b"a<b/>", b"</points></WriteRequest>"), XML),
    (b"<WriteRequest " + ATTRIBUTES + b"/>", XML),
    (b"<WriteRequest><points><a " + ATTRIBUTES.replace(b"=''", b" =\t'>'") + b"/></points></WriteRequest>", XML),
]


@pytest.mark.parametrize(("body", "kind"), BODIES)
def test_a_body_with_more_values_than_any_message_is_refused_before_parsing(body: bytes, kind: str) -> None:
    with pytest.raises(Violations) as caught:
        Contracts.load()["WriteRequest"].decode(body, kind)
    assert [(violation.path, violation.message) for violation in caught.value.violations] == [
        ("", "holds more values than this message can have")
    ]


def test_delimiters_inside_texts_are_not_counted() -> None:
    text = b'"' + b'[{,\\"' * 20_000 + b'"'
    assert not json_exceeds(b'{"a":[' + b",".join([text] * 5) + b"]}", size_limits.SizeLimit(5, 2, 4))
    cdata = b"<![CDATA[" + b"<a b='' " * 40_000 + b"]]>"
    assert not xml_exceeds(b"<a>" + cdata + b"</a>", size_limits.SizeLimit(2, 1, 4))


def test_excessive_depth_is_malformed() -> None:
    with pytest.raises(Malformed, match="64 levels"):
        xml_exceeds(b"<a>" * 200_000, size_limits.SizeLimit(5, 2, 4))
    with pytest.raises(Malformed, match="64 levels"):
        json_exceeds(b'{"x":' + b'{"[":[' * 200_000, MOST)


def test_the_worst_bodies_need_only_tens_of_mebibytes(tmp_path: Path) -> None:
    """In a separate process, whose peak memory is read; it was 250 to 930 MiB before."""
    program = tmp_path / "peak.py"
    program.write_text(
        "import resource, sys\n"
        "from heartguard_common.contract.contracts import Contracts, Violations\n"
        "contract = Contracts.load()['WriteRequest']\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "body = open(sys.argv[2], 'rb').read()\n"
        "before = peak()\n"
        "try: contract.decode(body, sys.argv[1])\n"
        "except Violations: print((peak() - before) // 1024)\n"
    )
    for number in (0, 2, 3, 5):
        body, kind = BODIES[number]
        place = tmp_path / "body"
        place.write_bytes(body)
        environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
        ran = subprocess.run(
            [sys.executable, program, kind, place], capture_output=True, text=True, check=True, env=environ
        )
        assert int(ran.stdout) < 64


@pytest.mark.parametrize(("body", "code"), [(b'{"bucket": 1, "points": []}', "GEN_422"), (b'{"bucket":', "GEN_400")])
def test_a_refusal_keeps_nothing_of_the_document(body: bytes, code: str) -> None:
    """An exception with a cause kept the frames of its traceback: eight documents of 170 MiB took 1.3 GiB."""
    contract = Contracts.load()["WriteRequest"]
    with pytest.raises(ServiceError) as caught:
        require_valid(lambda: contract.decode(body, JSON))
    assert caught.value.error_code.code == code
    assert caught.value.__context__ is None

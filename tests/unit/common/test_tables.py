import csv
import io
import json

from heartguard_audit.routes import COLUMNS
from heartguard_common.http.tables import ndjson, table


def cells(**document):
    text = b"".join(table(COLUMNS, iter([[document]]))).decode()
    header, row = csv.reader(io.StringIO(text, newline=""))
    return dict(zip(header, row, strict=True))


def test_the_header_names_every_column_and_lines_end_as_rfc_4180_says():
    assert b"".join(table(COLUMNS, iter([]))) == (",".join(COLUMNS) + "\r\n").encode()


def test_a_harmless_text_is_unchanged(subtests):
    for text in ['a"b', "a,b", "a\r\nb", "é漢", "'quoted", "{}", "a=1", "x-1"]:
        with subtests.test(text):
            assert cells(resource=text)["resource"] == text


def test_a_formula_is_escaped(subtests):
    for start in ["=", "+", "-", "@", "\t", "\r", "\n", "   =", "\u00a0=", "\uff0b"]:
        with subtests.test(start):
            assert cells(actor=start + "cmd")["actor"] == "'" + start + "cmd"


def test_numbers_and_empty_cells():
    assert cells(sequence=-7.5, org_id=True, payload=["a,b"]) == cells() | {
        "sequence": "-7.5",
        "org_id": "true",
        "payload": '["a,b"]',
    }
    assert cells(sequence=7, org_id=None)["sequence"] == "7"
    assert cells(sequence=7, org_id=None)["org_id"] == ""


def test_ndjson_is_one_document_per_line():
    documents = [{"id": "1", "resource": "a\nb"}, {"id": "2", "payload": {"é": 1.5}}]
    lines = b"".join(ndjson(iter([documents[:1], documents[1:]]))).split(b"\n")
    assert [json.loads(line) for line in lines[:-1]] == documents
    assert lines[-1] == b""

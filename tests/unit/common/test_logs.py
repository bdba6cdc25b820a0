"""Logs: one line of JSON, without secrets and personal data."""

import json
import logging
import sys
import time

import pytest

from heartguard_common.core.logs import JsonLines, redact
from heartguard_common.core.trace import REQUEST_ID

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMiJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ"

SECRET_TEXTS = [
    (f"bad token {TOKEN} seen", TOKEN.split(".")[1]),
    (f"Authorization: Bearer {TOKEN}", "c2lnbmF0dXJl"),
    ("Authorization: bearer op-7Vd2Kx9Qm4Zr1Tb8", "op-7Vd2Kx9Qm4Zr1Tb8"),
    ("header Basic YXV0aDphLXNlY3JldA==", "YXV0aDph"),
    ("no user ann.o'brien+x@clinic.example here", "ann"),
    ("user <Ann@Clinic.Example>", "Ann@"),
    ('{"password": "Secret123", "x": 1}', "Secret123"),
    ("password=Secret123&next=1", "Secret123"),
    ("GET /media/content/x?expires=1&signature=abc-DEF_1", "abc-DEF_1"),
    ("refresh_token: 'abcdef'", "abcdef"),
    ("{'password': 'Secret123', 'n': 1}", "Secret123"),
    ("client_secret=abcdef", "abcdef"),
    ("invitation code=XK-17", "XK-17"),
    ("postgresql+psycopg2://role:pa55:w%2Frd@127.0.0.1:5432/db", "pa55"),
    ("redis://:pa55word@127.0.0.1:6379/0", "pa55word"),
    ("duplicate\nDETAIL:  Key (email_key)=(Ann Smith) already exists.\nHINT", "Ann Smith"),
    ("DETAIL:  Failing row contains (1, Ann Smith, 72.5).", "72.5"),
]


def test_secrets_are_redacted(subtests: pytest.Subtests) -> None:
    for text, secret in SECRET_TEXTS:
        with subtests.test(text):
            assert secret in text
            assert secret not in redact(text)


def test_other_text_is_unchanged() -> None:
    text = "deletion 0198c1d2-0000-7000-8000-000000000001 waits for auth: GEN_502 at http://127.0.0.1:5001/auth"
    assert redact(text) == text


LONG_WORDS = ["a", "a.b", "a@b.", "eyJaaaa.", "a://", "a://b:", "@", "token", "basic ", "(a", "%40"]


def test_a_long_word_takes_linear_time(subtests: pytest.Subtests) -> None:
    for word in LONG_WORDS:
        with subtests.test(word[:20]):
            began = time.process_time()
            redact("/" + word * (16_000 // len(word)))  # twice what a request line holds
            assert time.process_time() - began < 0.3


def record(message: str, *args: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("heartguard.x", logging.WARNING, "file.py", 1, message, args, None)
    made.__dict__.update(more)
    return made


def test_a_record_is_one_line_with_its_request() -> None:
    mark = REQUEST_ID.set("r-1")
    text = JsonLines("user").format(record("%s\nsaid \u00e9 password=%s", "Ann", "hunter22"))
    REQUEST_ID.reset(mark)
    assert "\n" not in text
    assert text.isascii()
    line = json.loads(text)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "warning",
        "service": "user",
        "request_id": "r-1",
        "message": "Ann\nsaid \u00e9 password=[redacted]",
    }


def test_given_fields_replace_the_message() -> None:
    line = json.loads(JsonLines("user").format(record("request", fields={"status": 200, "path": "/users/me"})))
    assert (line["status"], line["path"], "message" in line) == (200, "/users/me", False)


def test_a_stack_trace_is_redacted_too() -> None:
    try:
        int(f"{TOKEN} of ann@clinic.example")
    except ValueError:
        made = record("failed", exc_info=sys.exc_info())
    stack = json.loads(JsonLines("user").format(made))["stack"]
    assert "Traceback" in stack
    assert "ValueError" in stack
    # The line of source code shows the name of the variable, not its value.
    assert "eyJ" not in stack
    assert "ann@" not in stack

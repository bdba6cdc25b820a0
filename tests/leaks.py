"""Secrets where none may be: what is looked for in logs, audit rows and error bodies."""

import re
from collections.abc import Iterable
from pathlib import Path

import psycopg2
from dotenv import dotenv_values

from heartguard_cli.embedded.postgres import PostgresCluster
from heartguard_cli.environment import GENERATED
from heartguard_cli.urls import libpq
from tests.clone import Clone

# The passwords that tests give to people.
PASSWORDS = ("Secret123", "a long enough phrase", "another long phrase", "Correct-horse-9")
PATTERNS = {
    "a token": re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    "credentials": re.compile(
        r"(?i)\b(?:bearer|basic) (?!\[redacted\]|realm|authentication|auth\b)[A-Za-z0-9._~+/=-]{16,}"
    ),
    "an API key": re.compile(r"hg_(?:dev|int)_[0-9A-Za-z]{9,}"),
    "a refresh token": re.compile(r"(?i)refresh(?:_token)?[\"'=: ]+[A-Za-z0-9_-]{32,}"),
    "a signature of a URL": re.compile(r"signature=(?!\[redacted\])[A-Za-z0-9_-]{8,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "a hash of a password": re.compile(r"\$argon2"),
    "a password in a URL": re.compile(r"[a-z0-9+]+://[^\s:/@]*:(?!\[redacted\])[^\s@/]+@"),
    "an e-mail address": re.compile(r"[A-Za-z0-9._+-]{2,}@[A-Za-z0-9-]+\.[A-Za-z]{2,}"),
}


def leaks(text: str, known: Iterable[str] = ()) -> set[str]:
    """Which kinds of secrets a text holds; of `known` ones, which."""
    found = {name for name, pattern in PATTERNS.items() if pattern.search(text)}
    return found | {f"the secret {secret[:3]}..." for secret in (*known, *PASSWORDS) if secret and secret in text}


def own_secrets(clone: Clone) -> list[str]:
    """The secrets that the system has made for itself."""
    values = dotenv_values(clone.root / ".env", interpolate=False)
    return [value for name in GENERATED if (value := values.get(name))]


def leaked(clone: Clone, known: Iterable[str] = ()) -> list[str]:
    """Where a running system has written secrets: every log, and every column of every audit row."""
    secrets = [*own_secrets(clone), *known]
    return [
        f"{place}: {kind}: {line[:300]}"
        for place, lines in (*_logs(clone.layout.log), ("audit_events", _trail(clone)))
        for line in lines
        for kind in sorted(leaks(line, secrets))
    ]


def _logs(directory: Path) -> list[tuple[str, list[str]]]:
    files = [file for file in sorted(directory.iterdir()) if file.is_file()]
    return [(file.name, file.read_text(encoding="utf-8", errors="replace").splitlines()) for file in files]


def _trail(clone: Clone) -> list[str]:
    cluster = PostgresCluster(clone.layout.var / "pg", clone.ports["postgres"])
    connection = psycopg2.connect(libpq(cluster.url()))
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT event::text FROM heartguard_core.audit_events AS event")
            return [row for (row,) in cursor.fetchall()]
    finally:
        connection.close()

"""Logs are JSON lines on standard error; secrets and personal data are redacted before they are written."""

import json
import logging
import re
import sys
import time
import traceback

from heartguard_common.core.api_key_form import API_KEY, REDACTED
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.trace import REQUEST_ID

# A client can send a path of 8 KB: no pattern may start a new attempt at each letter of a long word.
_WORD = r"[^\s@\"<>()\[\]{}:,;]"
_NAMES = "password|secret|token|code|signature"
_SECRETS = (
    (re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), "[token]"),
    (API_KEY, REDACTED),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 [redacted]"),
    (re.compile(rf"(?<!{_WORD}){_WORD}++@[^\s@\"'<>()\[\]{{}}:,;]+\.[A-Za-z]{{2,}}"), "[email]"),
    (re.compile(rf"(?i)({_NAMES})([\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;)}}]+"), r"\1\2[redacted]"),
    # PostgreSQL's errors quote the row that it refuses.
    (re.compile(r"(?m)\b(DETAIL|CONTEXT): .*$"), r"\1: [redacted]"),
    (re.compile(r"(?i)(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*+://[^\s:/@]*+):[^\s@]{1,1000}@"), r"\1:[redacted]@"),
)
_ENCODER = json.JSONEncoder(ensure_ascii=True, default=str)


def redact(text: str) -> str:
    """The text without tokens, credentials, e-mail addresses and values that follow a secret's name."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON; `extra={"fields": {...}}` adds members."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """One line: timestamp, level, service, request_id, then the record's own fields."""
        line: dict[str, object] = {
            "timestamp": rfc3339(time.time_ns()),
            "level": record.levelname.lower(),
            "service": self._service,
            "request_id": REQUEST_ID.get(),
        }
        fields = getattr(record, "fields", None)
        if fields:
            line.update(fields)
        else:
            line["message"] = redact(record.getMessage())
        if record.exc_info:
            line["stack"] = redact("".join(traceback.format_exception(*record.exc_info)))
        return _ENCODER.encode(line)


def configure(service: str, level: str = "INFO") -> logging.Logger:
    """Send everything that this process logs through one JSON handler; returns the service's logger."""
    # These values are in no log line, so they need not be computed for each record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("urllib3", "werkzeug", "google", "alembic"):
        logging.getLogger(noisy).setLevel("WARNING")
    return logging.getLogger(f"heartguard.{service}")

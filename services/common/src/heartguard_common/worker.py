"""Gunicorn's threaded worker, with refusals of ours: stock gunicorn answers in HTML and quotes its parser."""

import logging
from typing import Any

from gunicorn.http import errors as parsing
from gunicorn.workers.gthread import ThreadWorker

from heartguard_common import unparsed
from heartguard_common.errors import EXPECTATION_FAILED, HEADERS_TOO_LARGE, NOT_HTTP, TARGET_TOO_LONG, UNKNOWN_CODING

_ROWS: unparsed.Rows = (
    (parsing.LimitRequestLine, TARGET_TOO_LONG),
    (parsing.LimitRequestHeaders, HEADERS_TOO_LARGE),
    (parsing.UnsupportedTransferCoding, UNKNOWN_CODING),
    (parsing.ExpectationFailed, EXPECTATION_FAILED),
    (parsing.ParseException, NOT_HTTP),
)
_log = logging.getLogger("heartguard")


class ServiceWorker(ThreadWorker):  # type: ignore[misc]
    """The worker class of every service but the gateway."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:  # noqa: ARG002  gunicorn's
        """Answer what never became a request."""
        unparsed.refuse(client, getattr(req, "method", None), unparsed.row_of(exc, _ROWS, _log), _log)

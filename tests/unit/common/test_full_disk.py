"""On a full disk a request is refused with 503, not with an internal error."""

import errno
import logging
import os
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, g

from heartguard_common.contract.contracts import Contracts
from heartguard_common.http.web import handle_errors

EDGE: Any = SimpleNamespace(log=logging.getLogger("disk"), contracts=Contracts.load())
REQUEST_ID = "01a20ace-8210-72dc-a378-4a545f18bf6a"


@pytest.mark.parametrize("media_type", ["application/json", "application/xml"])
@pytest.mark.parametrize(
    ("number", "status", "code"),
    [(errno.ENOSPC, 503, "GEN_503"), (errno.EDQUOT, 503, "GEN_503"), (errno.EIO, 500, "GEN_500")],
)
def test_a_full_disk_is_503_and_another_disk_error_500(number: int, status: int, code: str, media_type: str) -> None:
    with Flask("disk").test_request_context():
        g.request_id, g.error_type = REQUEST_ID, media_type
        answer = handle_errors(EDGE, OSError(number, os.strerror(number), "/srv/secret"))
    error = EDGE.contracts["Error"].decode(answer.data, media_type)["error"]
    assert (answer.status_code, error["code"], error["request_id"]) == (status, code, REQUEST_ID)
    assert "secret" not in error["message"]

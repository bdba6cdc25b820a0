"""A handler's types are its route's messages: mypy refuses what breaks them, and a route what does not name them."""

import os
import subprocess
import sys
from typing import Any

import pytest

from heartguard_auth.errors import BAD_CREDENTIALS
from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.http.routing import (
    Answer,
    Call,
    DocumentStream,
    EmptyCall,
    NoQuery,
    Reply,
    Route,
    Signature,
    StreamAnswer,
    StreamCall,
)
from heartguard_common.identity import policy
from heartguard_common.messages import LoginQuery, LoginRequest, LoginResponse, RefreshRequest
from heartguard_user.errors import CODES, NO_USER
from schemas.builder import openapi
from schemas.builder.openapi import JoinError
from sources import SOURCES

HANDLERS = """
from heartguard_common.messages import ErasureRequest, ErasureResult, LoginRequest, LoginResponse, MediaUploadQuery
from heartguard_common.stores.service_client import ServiceClient
from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route, StreamAnswer, StreamCall
from heartguard_common.http.web import make_app
from heartguard_common.http.web_dependencies import WebDependencies

class Good: ...
class Other: ...

def good(_: Good, call: Call[LoginRequest, NoQuery]) -> Answer[ErasureResult]:
    return Answer({"removed": len(call.document["email"])})

def member(_: Good, call: Call[LoginRequest, NoQuery]) -> Answer[None]:
    call.document["e_mail"]  # typeddict-item
    return Answer(None)

def parameter(_: Good, call: EmptyCall) -> Answer[None]:
    call.query["limit"]  # typeddict-item
    return Answer(None)

def missing(_: Good, call: Call[None | LoginRequest, NoQuery]) -> Answer[None]:
    call.document["email"]  # index
    return Answer(None)

def incomplete(_: Good, __: EmptyCall) -> Answer[LoginResponse]:
    return Answer({"access_token": "", "refresh_token": "", "expires_in": 1})  # typeddict-item

def mistyped(_: Good, __: EmptyCall) -> Answer[ErasureResult]:
    return Answer({"removed": "1"})  # typeddict-item

def another(_: Good, __: EmptyCall) -> Answer[ErasureResult]:
    asked: ErasureRequest = {"org_id": 1}
    return Answer(asked)  # arg-type

def nothing(_: Good, __: EmptyCall) -> Answer[ErasureResult]:
    return Answer(None)  # arg-type

def streamed(_: Good, call: StreamCall[MediaUploadQuery]) -> StreamAnswer:
    return StreamAnswer([call.stream.read(1)], "text/plain", etag="")  # call-arg

def bare(_: Good, call: Call) -> Answer[None]:  # type-arg
    return Answer(None)

def dear(call: Call[LoginRequest, NoQuery]) -> bool:
    return True

ROUTES = (Route("POST", "/a", good, expensive=dear),)

def mount(web: WebDependencies) -> None:
    make_app(web, ROUTES, Good())
    make_app(web, ROUTES, Other())  # misc

def ask(client: ServiceClient) -> str:
    client.post("/a", {}, ErasureResult)["again"]  # typeddict-item
    return client.get("/a", ErasureResult)["removed"]  # return-value
"""


def test_mypy_holds_a_handler_against_its_messages(tmp_path):
    (tmp_path / "handlers.py").write_text(HANDLERS)
    sources = os.pathsep.join(SOURCES)
    command = [sys.executable, "-m", "mypy", "--config-file", str(REPO_ROOT / "pyproject.toml"), "--no-error-summary"]
    environ = {**os.environ, "MYPYPATH": sources}
    done = subprocess.run(
        [*command, str(tmp_path / "handlers.py")],
        cwd=REPO_ROOT, env=environ, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    found = [line.split(":", 2) for line in done.stdout.splitlines() if ": error:" in line]
    expected = [
        (number, line.rpartition("  # ")[2]) for number, line in enumerate(HANDLERS.splitlines(), 1) if "  # " in line
    ]
    assert [(int(number), text.rpartition("[")[2].rstrip("]")) for _, number, text in found] == expected, done.stdout


def optional(_: object, __: Call[RefreshRequest | None, NoQuery]) -> Answer[LoginResponse]:
    return Answer({"access_token": "", "refresh_token": "", "expires_in": 1, "token_type": "Bearer"})


def in_several_forms(_: object, __: Call[LoginRequest, LoginQuery]) -> Reply[LoginResponse]:
    return DocumentStream(lambda encode: [encode({})])


def of_bytes(_: object, __: StreamCall[LoginQuery]) -> Answer[None]:
    return Answer(None)


def to_bytes(_: object, __: EmptyCall) -> StreamAnswer:
    return StreamAnswer((), None)


def test_a_route_knows_its_messages_from_the_signature():
    found = [Route("GET", "/", handler).signature for handler in (optional, in_several_forms, of_bytes, to_bytes)]
    assert found == [
        Signature("RefreshRequest", None, "LoginResponse", "optional"),
        Signature("LoginRequest", "LoginQuery", "LoginResponse", "document", streams=True),
        Signature(None, "LoginQuery", None, "stream"),
        Signature(None, None, None, "none", streams=True),
    ]


def without(_, __):
    return Answer(None)


def without_answer(_: object, __: EmptyCall):
    return Answer(None)


def of_anything(_: object, __: Call[Any, NoQuery]) -> Answer[None]:
    return Answer(None)


def of_two(_: object, __: EmptyCall) -> Answer[LoginRequest] | Answer[LoginResponse]:
    return Answer({"email": "", "password": ""})


@pytest.mark.parametrize("handler", [without, without_answer, of_anything, of_two])
def test_a_handler_that_does_not_name_its_messages_makes_no_route(handler):
    with pytest.raises(TypeError, match=handler.__name__):
        Route("GET", "/", handler)


def test_a_route_raises_what_its_service_has():
    rule = next(rule for rule in policy.load().rules if rule.id == "user.read_self")
    route: Route[object, EmptyCall] = Route(rule.method, rule.path, to_bytes, raises=(BAD_CREDENTIALS,))
    with pytest.raises(JoinError, match=r"user\.read_self"):
        openapi.named_codes({"": (), "user": CODES}, [(rule, route)])
    route = Route(rule.method, rule.path, to_bytes, raises=(NO_USER,))
    assert openapi.named_codes({"": (), "user": CODES}, [(rule, route)]) == {"USER_001"}

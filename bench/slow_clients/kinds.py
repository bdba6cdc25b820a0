"""The kinds of slow clients, by what they send; `Target` is the attacker and the attacked routes."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.slow_clients.attack import Behaviour

MIB = 1024 * 1024
HOST = "Host: heartguard.example\r\n"
REFUSALS_A_SECOND = 100


@dataclass(frozen=True)
class Target:
    """The attacker's token and organization, the path of a signed URL of theirs, and a query with a long answer."""

    token: str
    org_id: int
    link: str
    query: str

    @property
    def bearer(self) -> str:
        """The token as a header line."""
        return f"Authorization: Bearer {self.token}\r\n"


def _head(line: str, *fields: str) -> str:
    return f"{line} HTTP/1.1\r\n{HOST}{''.join(fields)}"


def _body(line: str, length: int, *fields: str) -> str:
    return _head(line, *fields, f"Content-Length: {length}\r\n\r\n")


def kinds(target: Target) -> Mapping[str, list[Behaviour]]:
    """What each kind of client does, members and anonymous clients in turn."""
    json, binary = "Content-Type: application/json\r\n", "Content-Type: application/octet-stream\r\n"
    upload = "PUT /media/upload?file_name=a.bin"
    trickle = "x" * 4600
    refused = [
        _body(upload, MIB, binary),  # 401
        _body("POST /auth/login", 9 * MIB, json),  # 413 before the body has arrived
        _body("POST /timeseries/write", MIB, target.bearer, "Content-Type: text/plain\r\n"),  # 415
        _body("POST /nowhere", MIB, json),  # 404
    ]
    return {
        "silent": [Behaviour("")],
        "resting": [Behaviour(_head("GET /gateway/health", "\r\n"))],
        "head": [Behaviour(_head(line), drip="X-Slow: 1\r\n") for line in ("GET /users/me", "POST /auth/login")],
        "upgrade": [
            Behaviour(_head("GET /users/me", target.bearer, "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")),
            Behaviour(
                _head("GET /auth/health", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n")
                + "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"
            ),
            Behaviour("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ],
        "body": [
            Behaviour(_body("POST /auth/refresh", 8 * MIB, json), trickle, 140_000),
            Behaviour(_body("POST /timeseries/write", 8 * MIB, target.bearer, json), trickle, 140_000),
            Behaviour(_body(upload, 20 * MIB, target.bearer, binary), trickle, 140_000),
        ],
        "body after a refusal": [Behaviour(_body("POST /users", 60_000, json), "x" * 500)],
        "reading the contract": [Behaviour(_head("GET /openapi.json", "\r\n"), reads=1024)],
        "reading a file": [Behaviour(_head(f"GET {target.link}", "\r\n"), reads=1024)],
        "reading a query": [
            Behaviour(
                _body("POST /timeseries/query", len(target.query), target.bearer, json, f"Accept: {accepted}\r\n")
                + target.query,
                reads=1024,
            )
            for accepted in ("application/json", "text/csv")
        ],
        **_streams(target),
        "refused": [
            Behaviour(head, rate=REFUSALS_A_SECOND, body=min(MIB, 600_000 + place))
            for place, head in enumerate(refused)
        ],
    }


def _streams(target: Target) -> Mapping[str, list[Behaviour]]:
    head = _head("GET /stream", target.bearer, "Accept: text/event-stream\r\n\r\n")
    return {
        "streams": [Behaviour(head)],
        "streams that are not read": [Behaviour(head, reads=0)],
        "streams that come back": [Behaviour(head, rate=REFUSALS_A_SECOND)],
    }

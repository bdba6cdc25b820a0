"""The whole stack for tests of authorization: gateway and six services, each a gunicorn with a port of its own."""

import base64
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from heartguard_auth.signing_keys.store.key_encryption import KeyEncryption
from heartguard_common.core.registry import SERVICES
from tests.people import owner
from tests.servers import Database, Valkey, free_port, until
from tests.service.gateway.stack import Answer, GunicornProcess
from tests.tokens import service_secret, settings_environ

PASSWORD = "Secret123"
JSON, XML = "application/json", "application/xml"


@dataclass(frozen=True)
class Person:
    """A member of an organization, freshly logged in."""

    user_id: int
    org_id: int
    role: str
    email: str
    access_token: str
    refresh_token: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}


@dataclass(frozen=True)
class ProtectedStack:
    """Seven running programs over one database and one Valkey.

    `entry_points["gateway"]` is what clients see; the others are the services called directly. Auth
    signs with its key ring (ES256). The rate limit is far above what tests send, and every answer is held against
    its contract. Make your own people in a fixture of your module: other modules end sessions and retire keys.
    """

    entry_points: Mapping[str, GunicornProcess]
    database: Database
    valkey: Valkey

    def found(self, name: str) -> Person:
        """An organization of its own, and its admin."""
        return self._register(f"{name}@example.com", {}, {})

    def join(self, admin: Person, role: str, name: str) -> Person:
        """A member of the admin's organization."""
        return self._register(f"{name}@example.com", {"role": role}, admin.bearer)

    def log_in(self, email: str) -> dict[str, Any]:
        """A new pair of tokens."""
        return self.post("/auth/login", {"email": email, "password": PASSWORD}).json

    def refresh(self, token: str) -> Answer:
        """Exchange a refresh token."""
        return self.post("/auth/refresh", {"refresh_token": token})

    def post(self, path: str, document: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """A JSON document to the gateway."""
        return self.entry_points["gateway"].ask(
            "POST", path, {"Content-Type": JSON, **(headers or {})}, json.dumps(document).encode()
        )

    def private_keys(self) -> dict[str, ec.EllipticCurvePrivateKey]:
        """The ring as its thief would have it: every live key by its id, the one that signs now first."""
        with owner(self.database) as cursor:
            cursor.execute(
                "SELECT kid, private_key FROM heartguard_core.signing_keys"
                " WHERE retired_at IS NULL ORDER BY created_at DESC"
            )
            rows = cursor.fetchall()
        encryption = KeyEncryption(service_secret("key ring"))
        found = {kid: encryption.decrypt(text) for kid, text in rows}
        pair = self.log_in(self._anybody())
        signing = header_of(pair["access_token"])["kid"]
        return {signing: found.pop(signing), **found}

    def _register(self, email: str, more: dict[str, str], headers: Mapping[str, str]) -> Person:
        made = self.post("/auth/register", {"email": email, "password": PASSWORD, **more}, headers)
        assert made.status == 201, made.body
        pair = self.log_in(email)
        account = made.json
        return Person(
            account["user_id"],
            account["org_id"],
            account["role"],
            email,
            pair["access_token"],
            pair["refresh_token"],
        )

    def _anybody(self) -> str:
        with owner(self.database) as cursor:
            cursor.execute("SELECT email FROM heartguard_core.users WHERE active AND identity_id IS NOT NULL")
            return str(cursor.fetchone()[0])


def header_of(token: str) -> dict[str, Any]:
    """The header of a token, unverified."""
    return dict(json.loads(decoded(token.split(".", maxsplit=1)[0])))


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, unverified."""
    return dict(json.loads(decoded(token.split(".")[1])))


def encoded(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The bytes of a segment."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@contextmanager
def running_stack(database: Database, valkey: Valkey, directory: Path) -> Iterator[ProtectedStack]:
    """Start everything and wait until it answers; end it in order."""
    gates = {name: free_port() for name in SERVICES}
    urls = {SERVICES[name].url: f"http://127.0.0.1:{port}" for name, port in gates.items()}
    more = {
        **urls,
        "JWT_SECRET": "",
        "RATE_LIMIT": "100000/min",
        "SPOOL_DIR": str(directory / "spool"),
        "MEDIA_DIR": str(directory / "media"),
        "PUBLIC_URL": f"http://127.0.0.1:{gates['gateway']}",
    }
    (directory / "media").mkdir()
    entry_points = {}
    for name in SERVICES:
        role = "auth" if name == "gateway" else name  # the gateway has no database, and reads no URL of one
        environ = {**settings_environ(role, database, valkey.url, **more), "SERVICE_SECRET": service_secret(name)}
        entry_points[name] = GunicornProcess(
            environ, directory / f"{name}.log", workers=1, service=name, port=gates[name]
        )
    with ExitStack() as exit_stack, ThreadPoolExecutor(len(entry_points)) as pool:
        list(pool.map(exit_stack.enter_context, [entry_point.running() for entry_point in entry_points.values()]))
        stack = ProtectedStack(entry_points, database, valkey)
        _await_ready(stack)
        yield stack


def _await_ready(stack: ProtectedStack) -> None:
    """The first login makes the key ring; every service has fetched the keys before a test is timed."""
    until(lambda: stack.entry_points["gateway"].ask("GET", "/gateway/ready").status == 200, "every service being ready")

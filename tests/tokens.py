"""Callers for tests: the environment of a service, and the credentials of persons, operator and services.

environ = settings_environ("user", database, redis_url)
app = create_app(Settings.from_env(environ))
app.test_client().get("/users/me", headers=bearer(1, "admin", org_id=1))
"""

import atexit
import base64
import hashlib
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import jwt
import redis

from heartguard_common.core.registry import SERVICES
from heartguard_common.http import forwarding
from heartguard_common.identity.authentication import secret_id
from tests.servers import Database

JWT_SECRET = "kq8Zt1vXw4Rm7Bc0Ny5Hd2Lf9Gs3Pj6Ua"
OPERATOR_TOKEN = "op-7Vd2Kx9Qm4Zr1Tb8Wn5Yc3Hf6Lg0Js"
ISSUER = AUDIENCE = "heartguard"
# Nobody listens on port 1: a test that needs another service starts one and names it.
NOWHERE = "http://127.0.0.1:1"

_scratch = tempfile.TemporaryDirectory(prefix="heartguard-tests-")
atexit.register(_scratch.cleanup)


def service_secret(name: str) -> str:
    """The secret of a service, the same in every test."""
    return hashlib.sha256(f"test secret of {name}".encode()).hexdigest()


def settings_environ(service: str, database: Database, redis_url: str, **more: str) -> dict[str, str]:
    """The environment a launched service finds; `more` adds variables or takes their place.

    The mark that Redis knows all revocations is set, so that tokens count without an auth service.
    """
    mark_ready(redis_url)
    digests = {name: hashlib.sha256(service_secret(name).encode()).hexdigest() for name in SERVICES}
    digests["operator"] = hashlib.sha256(OPERATOR_TOKEN.encode()).hexdigest()
    return {
        "HEARTGUARD_ENV": "test",
        "DATABASE_URL": database.url_for(service),
        "REDIS_URL": redis_url,
        "SERVICE_SECRET": service_secret(service),
        "SERVICE_CREDENTIALS": ",".join(f"{name}:{digest}" for name, digest in digests.items()),
        "JWT_SECRET": JWT_SECRET,
        "KEY_RING_SECRET": service_secret("key ring"),
        "SIGNED_URL_SECRET": service_secret("signed urls"),
        "ALARM_CHANNEL_SECRET": service_secret("alarm channels"),
        "AUDIT_MASK_SECRET": service_secret("audit mask"),
        "AUDIT_CHECKPOINT_KEY": service_secret("audit checkpoints"),
        "RETENTION_DATABASE_URL": database.url_for("retention"),
        "CHECKPOINT_DIR": str(Path(_scratch.name) / database.name / "checkpoints"),
        "OPERATOR_TOKEN": OPERATOR_TOKEN,
        "RATE_LIMIT": "100000/min",
        "LIMITS": "foundings_per_address_per_day=1000000",
        "SPOOL_DIR": str(Path(_scratch.name) / database.name),
        "PUBLIC_URL": "http://heartguard.test",
        **{f"{name}_URL": NOWHERE for name in ("AUTH", "ORGANIZATION", "USER", "MEDIA", "INFLUX_SERVICE", "AUDIT")},
        **more,
    }


def mark_ready(redis_url: str) -> None:
    """Say that Redis holds a full copy of the revocations, as the services do after they have written it; for good."""
    with redis.Redis.from_url(redis_url, socket_timeout=30) as client:
        client.set("hg:rev:ready", f"{time.time_ns() // 1000}:0")


def token_for(
    user_id: int, role: str, org_id: int, *, secret: str = JWT_SECRET, lifetime: int = 3600, **claims: Any
) -> str:
    """A signed access token; `claims` take the place of the usual ones (`sid=...`, `jti=...`, `iat=...`)."""
    now = int(time.time())
    payload = {
        "sub": str(user_id),
        "role": role,
        "org_id": org_id,
        "iat": now,
        "exp": now + lifetime,
        "jti": str(uuid.uuid4()),
        "sid": str(uuid.uuid4()),
        "iss": ISSUER,
        "aud": AUDIENCE,
        **claims,
    }
    return jwt.encode(payload, secret, algorithm="HS256", headers={"kid": secret_id(secret)})


def bearer(user_id: int, role: str, org_id: int, **claims: Any) -> dict[str, str]:
    """The Authorization header of a person."""
    return {"Authorization": f"Bearer {token_for(user_id, role, org_id, **claims)}"}


def operator_auth() -> dict[str, str]:
    """The Authorization header of the operator."""
    return {"Authorization": f"Bearer {OPERATOR_TOKEN}"}


def service_auth(name: str) -> dict[str, str]:
    """The Authorization header of another service."""
    pair = base64.b64encode(f"{name}:{service_secret(name)}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def forwarded_for(address: str) -> dict[str, str]:
    """The headers by which the gateway says for whom it speaks."""
    digest = hashlib.sha256(service_secret("gateway").encode()).hexdigest()
    return {"X-Forwarded-For": address, forwarding.SIGNATURE: forwarding.sign(digest, address)}

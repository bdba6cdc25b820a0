"""A gateway the plain way: Flask, requests, PyJWT and redis-py on gunicorn's gthread workers."""

import json
import os
import time
import uuid
from pathlib import Path

import jwt
import redis
import requests
from flask import Flask, Response, abort, g, request
from requests.adapters import HTTPAdapter

BACKEND, STREAM = os.environ["BACKEND_URL"], os.environ["STREAM"]
SECRET, CAPACITY = os.environ["JWT_SECRET"], 6_000_000
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host"}

app = Flask(__name__)
store = redis.Redis.from_url(os.environ["REDIS_URL"])
take = store.register_script(Path(os.environ["BUCKET_SCRIPT"]).read_text())
session = requests.Session()
session.mount("http://", HTTPAdapter(pool_maxsize=64))


@app.before_request
def check() -> None:
    try:
        g.claims = jwt.decode(
            request.headers.get("Authorization", "")[7:],
            SECRET,
            algorithms=["HS256"],
            audience="heartguard",
            issuer="heartguard",
        )
    except jwt.PyJWTError:
        abort(401)
    if store.exists(f"hg:rev:jti:{g.claims['jti']}"):
        abort(401)
    for key in (request.remote_addr, f"{request.remote_addr}:{g.claims['sub']}"):
        if not take(keys=[f"plain:{key}"], args=[CAPACITY, 10])[0]:
            abort(429)


@app.route("/<path:path>", methods=["GET", "POST"])
def forward(path: str) -> Response:
    headers = {name: value for name, value in request.headers if name.lower() not in HOP_BY_HOP}
    answer = session.request(
        request.method, f"{BACKEND}/{path}", params=request.args, data=request.get_data(), headers=headers, timeout=30
    )
    kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
    return Response(answer.content, answer.status_code, kept)


@app.after_request
def audit(response: Response) -> Response:
    claims = g.get("claims", {})
    event = {
        "id": str(uuid.uuid4()),
        "time": time.time(),
        "kind": "access",
        "actor": claims.get("sub"),
        "org_id": claims.get("org_id"),
        "action": request.path,
        "service": "gateway",
        "outcome": "success" if response.status_code < 400 else "denied",
        "payload": {"method": request.method, "status": response.status_code},
    }
    store.xadd(STREAM, {"event": json.dumps(event)})
    return response

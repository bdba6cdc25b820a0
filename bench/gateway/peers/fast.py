"""A gateway with FastAPI, httpx, PyJWT and redis.asyncio on uvicorn."""

import json
import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import redis.asyncio as redis
from fastapi import FastAPI, HTTPException, Request, Response

BACKEND, STREAM = os.environ["BACKEND_URL"], os.environ["STREAM"]
SECRET, CAPACITY = os.environ["JWT_SECRET"], 6_000_000
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "content-length"}

store = redis.Redis.from_url(os.environ["REDIS_URL"])
take = store.register_script(Path(os.environ["BUCKET_SCRIPT"]).read_text())


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    limits = httpx.Limits(max_connections=256, max_keepalive_connections=256)
    async with httpx.AsyncClient(base_url=BACKEND, limits=limits, timeout=30) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan, openapi_url=None)


async def check(request: Request) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            request.headers.get("authorization", "")[7:],
            SECRET,
            algorithms=["HS256"],
            audience="heartguard",
            issuer="heartguard",
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401) from error
    if await store.exists(f"hg:rev:jti:{claims['jti']}"):
        raise HTTPException(401)
    address = request.client.host if request.client else ""
    for key in (address, f"{address}:{claims['sub']}"):
        if not (await take(keys=[f"fast:{key}"], args=[CAPACITY, 10]))[0]:
            raise HTTPException(429)
    return claims


async def audit(request: Request, claims: dict[str, Any], status: int) -> None:
    event = {
        "id": str(uuid.uuid4()),
        "time": time.time(),
        "kind": "access",
        "actor": claims.get("sub"),
        "org_id": claims.get("org_id"),
        "action": request.url.path,
        "service": "gateway",
        "outcome": "success" if status < 400 else "denied",
        "payload": {"method": request.method, "status": status},
    }
    await store.xadd(STREAM, {"event": json.dumps(event)})


@app.api_route("/{path:path}", methods=["GET", "POST"])
async def forward(path: str, request: Request) -> Response:
    claims: dict[str, Any] = {}
    try:
        claims = await check(request)
    except HTTPException as refusal:
        await audit(request, claims, refusal.status_code)
        raise
    headers = [(name, value) for name, value in request.headers.items() if name not in HOP_BY_HOP]
    answer = await request.app.state.client.request(
        request.method, f"/{path}", params=request.query_params, content=await request.body(), headers=headers
    )
    await audit(request, claims, answer.status_code)
    kept = {name: value for name, value in answer.headers.items() if name not in HOP_BY_HOP}
    return Response(answer.content, answer.status_code, kept)

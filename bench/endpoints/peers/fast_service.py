"""A service with FastAPI, PyJWT and asyncpg; verifies the token and reads the caller's row."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import jwt
from fastapi import FastAPI, HTTPException, Request

SECRET = os.environ["JWT_SECRET"]
SELECT = re.sub(r":id\b", "$2", os.environ["SELECT"].replace(":org_id", "$1"))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=16) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan, openapi_url=None)


@app.get("/users/me")
async def read_self(request: Request) -> dict[str, Any]:
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
    row = await request.app.state.pool.fetchrow(SELECT, claims["org_id"], int(claims["sub"]))
    if row is None:
        raise HTTPException(404)
    return dict(row)

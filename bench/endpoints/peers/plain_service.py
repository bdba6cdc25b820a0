"""A service the plain way: Flask, PyJWT and SQLAlchemy; verifies the token and reads the caller's row."""

import os

import jwt
from flask import Flask, Response, abort, g, jsonify, request
from sqlalchemy import create_engine, text

SECRET = os.environ["JWT_SECRET"]
SELECT = text(os.environ["SELECT"])

app = Flask(__name__)
engine = create_engine(os.environ["DATABASE_URL"], pool_size=16)


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


@app.get("/users/me")
def read_self() -> Response:
    with engine.begin() as connection:
        row = connection.execute(SELECT, {"id": int(g.claims["sub"]), "org_id": g.claims["org_id"]}).first()
    if row is None:
        abort(404)
    return jsonify(dict(row._mapping))  # noqa: SLF001  SQLAlchemy's public name

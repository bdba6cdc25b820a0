"""The URL of Redis, which all clients parse here: `redis://`, `rediss://` (TLS) or `unix://`.

The certificate and the host name in it are always verified: an option that would switch that off is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

SCHEMES = ("redis", "rediss", "unix")
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_FIXED = {"ssl_cert_reqs": ("required",), "ssl_check_hostname": ("true", "yes", "1")}


@dataclass(frozen=True)
class RedisUrl:
    """A parsed Redis URL. `path` is that of a Unix socket; the files are for TLS, None where the URL names none."""

    tls: bool
    path: str | None
    host: str
    port: int
    username: str | None
    password: str | None
    database: int
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None


def parse(url: str) -> RedisUrl:
    """Parse a URL. Raises ValueError, whose text never shows the password, for an unknown form or option."""
    try:
        parts = urlsplit(url)
        port = parts.port or 6379
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in SCHEMES:
        raise ValueError("must begin with redis://, rediss:// or unix://")
    options = _options(parts.query, tls=parts.scheme == "rediss")
    database = options.get("db") or ("" if parts.scheme == "unix" else parts.path.strip("/")) or "0"
    if not database.isdecimal():
        raise ValueError("must name its database by a number")
    return RedisUrl(
        tls=parts.scheme == "rediss",
        path=unquote(parts.path) if parts.scheme == "unix" else None,
        host=parts.hostname or "127.0.0.1",
        port=port,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        database=int(database),
        ca_file=options.get("ssl_ca_certs"),
        certificate_file=options.get("ssl_certfile"),
        key_file=options.get("ssl_keyfile"),
    )


def redis_url(text: str) -> str:
    """The parser of `REDIS_URL`. Raises ValueError."""
    parse(text)
    return text


def tls_options(url: str) -> Mapping[str, object]:
    """Options for redis-py in addition to the URL, so that verification does not depend on its version's defaults."""
    return {"ssl_cert_reqs": "required", "ssl_check_hostname": True} if parse(url).tls else {}


def _options(query: str, *, tls: bool) -> dict[str, str]:
    allowed = {"db", *(_FILES if tls else ()), *(_FIXED if tls else ())}
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(options.keys() - allowed):
        raise ValueError(f"has unknown options: {', '.join(unknown)}")
    for name, values in _FIXED.items():
        if options.get(name, values[0]).lower() not in values:
            raise ValueError(f"must not set {name} to anything but {values[0]}: the server would not be verified")
    return options

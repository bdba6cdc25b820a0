"""Settings are read from the environment once; one message names every invalid one."""

import dataclasses
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from heartguard_common.core.redis_urls import redis_url
from heartguard_common.core.registry import SERVICES

T = TypeVar("T")
_PERIODS = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86_400, "day": 86_400}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class SettingsError(Exception):
    """The environment does not describe a runnable service; the text lists each problem on its own line."""


def variable(name: str, cast: Callable[[str], Any] = str, *, default: Any = dataclasses.MISSING) -> Any:
    """A dataclass field that is read from the environment variable `name`; without a default it is required.

    `cast` parses the text; the text of its ValueError follows the name in the message. An empty variable counts as
    absent, because compose files pass unset variables as empty text.
    """
    return dataclasses.field(default=default, metadata={"variable": name, "cast": cast})


def read(cls: type[T], environ: Mapping[str, str] | None = None) -> T:
    """Build the settings dataclass `cls` from the environment. Raises `SettingsError` with all problems."""
    source = os.environ if environ is None else environ
    values: dict[str, object] = {}
    problems: list[str] = []
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        name, cast = field.metadata["variable"], field.metadata["cast"]
        text = source.get(name, "").strip()
        if not text:
            if field.default is dataclasses.MISSING:
                problems.append(f"{name} is not set")
            continue
        try:
            values[field.name] = cast(text)
        except ValueError as error:
            problems.append(f"{name} {error}")
    if problems:
        raise SettingsError("the environment has problems:\n  " + "\n  ".join(problems))
    return cls(**values)


def variables(cls: type) -> tuple[str, ...]:
    """The names of the environment variables that the settings dataclass `cls` reads."""
    return tuple(field.metadata["variable"] for field in dataclasses.fields(cls))


def duration(bare: str) -> Callable[[str], int]:
    """A parser of durations such as `15m` or `14d` into seconds; `bare` is the unit of a number without one."""

    def cast(text: str) -> int:
        match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
        if not match or int(match[1]) == 0:
            raise ValueError("must be a duration such as 30s, 15m, 12h or 14d")
        return int(match[1]) * _UNITS[match[2] or bare]

    return cast


def whole(minimum: int, maximum: int) -> Callable[[str], int]:
    """A parser of whole numbers from `minimum` to `maximum`."""

    def cast(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or not minimum <= int(text) <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")
        return int(text)

    return cast


def choice(*allowed: str) -> Callable[[str], str]:
    """A parser that accepts only the words in `allowed`."""

    def cast(text: str) -> str:
        if text not in allowed:
            raise ValueError("must be one of " + ", ".join(allowed))
        return text

    return cast


def secret(text: str) -> str:
    """The parser of secrets: at least 32 bytes (RFC 7518 section 3.2 for HS256), not published, not guessable."""
    if weak(text):
        raise ValueError("must be a random secret of at least 32 bytes: `openssl rand -hex 32` prints one")
    return text


def weak(text: str) -> bool:
    """Whether a secret is too short, a placeholder, a repetition of a shorter text, a UUID, or in published code.

    A UUID need not be unguessable, and programs do not treat it as a secret (RFC 9562 section 8).
    """
    lowered = text.lower()
    short = len(text.encode()) < 32 or len(set(text)) < 8
    made = any(word in lowered for word in _PLACEHOLDERS) or lowered in (lowered + lowered)[1:-1]
    return short or made or _UUID.fullmatch(lowered) is not None or published(_sha256(text))


def published(sha256: str) -> bool:
    """Whether the hexadecimal SHA-256 is that of a well-known word or of a secret in published code."""
    # Read again at each call: only a few secrets are checked at start, and the list need not stay in memory.
    listed = _LIST.read_text(encoding="ascii")
    return sha256 in _PUBLISHED or f"\n{sha256[:16]}\n" in listed


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_LIST = Path(__file__).with_name("published_secrets.txt")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


# Each is too long to occur in a random text by chance; "secret" and "256-bit" cover the secrets of JWT tutorials.
_PLACEHOLDERS = (
    *("change", "secret", "password", "passw0rd", "example", "default", "insecure", "placeholder", "replace"),
    *("256-bit", "heartguard", "supersecure", "0123456789", "1234567890", "abcdefgh", "qwertyui"),
)
_PUBLISHED = frozenset(
    _sha256(word)
    for word in (
        *("", "secret", "password", "changeme", "change-me", "change_me", "operator", "admin", "token", "test", "root"),
        *("heartguard", "example", "default", "none", "null", "123456", "12345678", "0" * 32, "0" * 64),
        *SERVICES,
    )
)


def credentials(text: str) -> Mapping[str, str]:
    """The parser of `name:sha256hex,...`: the SHA-256 of each service's secret, by which services identify callers.

    Raises ValueError for another form, and where two are equal or one is that of a well-known secret.
    """
    pairs = re.fullmatch(r"[a-z]+:[0-9a-f]{64}(,[a-z]+:[0-9a-f]{64})*", text)
    if not pairs:
        raise ValueError("must be a list of name:sha256 separated by commas")
    known = dict(item.split(":", 1) for item in text.split(","))
    if len(known) != text.count(",") + 1:
        raise ValueError("must name each service once")
    if weakest := [name for name, digest in known.items() if published(digest)]:
        raise ValueError(f"must not be digests of well-known secrets, as that of {', '.join(weakest)} is")
    if len(set(known.values())) != len(known):
        raise ValueError("must be digests of different secrets: each identifies one caller")
    return known


def key_file(text: str) -> Path | None:
    """The parser of the path of a credentials file; None for an empty file, which compose mounts where there is none.

    Raises ValueError where no file exists, or it may not be read.
    """
    path = Path(text)
    if not path.exists():
        raise ValueError("names no file")
    if not path.is_file() or path.stat().st_size == 0:
        return None
    if not os.access(path, os.R_OK):
        raise ValueError("names a file that may not be read")
    return path


def words(text: str) -> tuple[str, ...]:
    """The parser of a list separated by commas, without empty items."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


def http_url(text: str) -> str:
    """The parser of another service's URL: `http://host:port`, without path, query or credentials."""
    parts = urlsplit(text)
    if parts.scheme != "http" or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError("must look like http://127.0.0.1:5001")
    return text.rstrip("/")


def collector_url(text: str) -> str:
    """The parser of the URL of an OpenTelemetry collector, to which `/v1/traces` is added."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise ValueError("must look like http://127.0.0.1:4318, without /v1/traces")
    return text.rstrip("/")


def pairs(text: str) -> tuple[tuple[str, str], ...]:
    """The parser of `name=value,name=value`, values percent-encoded (OpenTelemetry's form of headers)."""
    found = [item.partition("=") for item in words(text)]
    if any(not equals or not name.strip() for name, equals, _ in found):
        raise ValueError("must look like name=value,name=value")
    return tuple((name.strip(), unquote(value.strip())) for name, _, value in found)


def ratio(text: str) -> float:
    """The parser of a share from 0 to 1."""
    if not re.fullmatch(r"0|1|[01]?\.[0-9]{1,9}", text) or float(text) > 1:
        raise ValueError("must be a number from 0 to 1, such as 0.1")
    return float(text)


@dataclasses.dataclass(frozen=True)
class Rate:
    """At most `count` requests in `seconds` seconds."""

    count: int
    seconds: int


def rate(text: str) -> Rate:
    """The parser of `RATE_LIMIT`: `100/min`, also per `s`, `h` or `d`."""
    match = re.fullmatch(r"([1-9][0-9]{0,6})\s*/\s*([a-z]+)", text)
    if not match or match[2] not in _PERIODS:
        raise ValueError("must look like 100/min")
    return Rate(int(match[1]), _PERIODS[match[2]])


@dataclasses.dataclass(frozen=True, kw_only=True)
class CommonSettings:
    """The settings that every service reads."""

    redis_url: str = variable("REDIS_URL", redis_url)
    auth_url: str = variable("AUTH_URL", http_url, default=SERVICES["auth"].local_url)
    service_secret: str = variable("SERVICE_SECRET", secret)
    service_credentials: Mapping[str, str] = variable("SERVICE_CREDENTIALS", credentials)
    jwt_secret: str = variable("JWT_SECRET", secret, default="")
    jwt_secret_previous: str = variable("JWT_SECRET_PREVIOUS", secret, default="")
    jwt_issuer: str = variable("JWT_ISSUER", default="heartguard")
    jwt_audience: str = variable("JWT_AUDIENCE", default="heartguard")
    spool_dir: Path = variable("SPOOL_DIR", Path, default=Path("var/spool"))  # noqa: RUF009  variable() makes a field
    otlp_endpoint: str = variable("OTEL_EXPORTER_OTLP_ENDPOINT", collector_url, default="")
    otlp_headers: tuple[tuple[str, str], ...] = variable("OTEL_EXPORTER_OTLP_HEADERS", pairs, default=())
    trace_ratio: float = variable("OTEL_TRACES_SAMPLER_ARG", ratio, default=1.0)
    log_level: str = variable("LOG_LEVEL", choice("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")

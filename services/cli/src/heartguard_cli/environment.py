"""The configuration a person writes: `.env` at the root, made with generated secrets when there is none."""

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from io import StringIO
from ipaddress import ip_address
from pathlib import Path

from dotenv import dotenv_values

from heartguard_cli.errors import CommandError
from heartguard_cli.urls import LOOPBACK, Address
from heartguard_common.core.registry import REGISTRY, SERVICES
from heartguard_common.core.settings import weak

ROLES = REGISTRY.roles
DEFAULT_PORTS = REGISTRY.ports
GENERATED = (
    *("KEY_RING_SECRET", "OPERATOR_TOKEN", "SIGNED_URL_SECRET", "AUDIT_MASK_SECRET"),
    *("AUDIT_CHECKPOINT_KEY", "ALARM_CHANNEL_SECRET"),
    *("VALKEY_PASSWORD", "POSTGRES_PASSWORD"),
    *(it.secret for it in SERVICES.values()),
    *(f"{name.upper()}_DB_PASSWORD" for name in ROLES),
)
SECRETS = (
    *(
        "JWT_SECRET",
        "JWT_SECRET_PREVIOUS",
        "KEY_RING_SECRET",
        "OPERATOR_TOKEN",
        "SIGNED_URL_SECRET",
        "AUDIT_MASK_SECRET",
        "ALARM_CHANNEL_SECRET",
    ),
    *(it.secret for it in SERVICES.values()),
)
"""Secrets that must not be guessable; passwords of other servers are chosen there."""


def example_text(example: Path, given: Mapping[str, str]) -> str:
    """The text of a new `.env`: `.env.example`, or a copy of it, with a fresh secret wherever one is missing.

    A variable of `given` that the example names has its value there. Raises `CommandError` for one that can't be
    written.
    """
    lines, own = example.read_text().splitlines(), read(example)
    named = {match[1] for line in lines if (match := _LINE.fullmatch(line))}
    values = {name: own.get(name) or secrets.token_hex(32) for name in GENERATED}
    values |= {name: value for name, value in given.items() if name in named and value}
    values.setdefault("SERVICE_CREDENTIALS", credentials(values))
    return "".join(f"{_filled(line, values)}\n" for line in lines)


def write(target: Path, text: str) -> None:
    """Write `.env`, readable by its owner only; never half of it."""
    fresh = target.with_name(target.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    fresh.rename(target)


def save(file: Path, changes: Mapping[str, str]) -> None:
    """Set variables in a `.env` that exists; everything else in it stays. Raises `CommandError`."""
    lines = file.read_text().splitlines()
    places = {match[1]: place for place, line in enumerate(lines) if (match := _LINE.fullmatch(line))}
    for name, value in changes.items():
        if name in places:
            lines[places[name]] = _line(name, value)
        else:
            lines.append(_line(name, value))
    write(file, "\n".join(lines) + "\n")


_LINE = re.compile(r"(?:export )?([A-Z][A-Z0-9_]*)=.*")


def _filled(line: str, values: Mapping[str, str]) -> str:
    match = _LINE.fullmatch(line)
    return _line(match[1], values[match[1]]) if match and match[1] in values else line


def _line(name: str, value: str) -> str:
    """A line that python-dotenv, Docker Compose and the scripts read as this value. Raises `CommandError`."""
    if re.search(r"['\n\r]", value):
        raise CommandError(f"{name} of the environment holds a quote or a line break: write it into .env by hand")
    return f"{name}='{value}'" if re.search(r"[\s\"#$\\\\`]", value) else f"{name}={value}"


def differing(file: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of the environment whose values are not those of `.env`, where it has a line for them."""
    known = read(file)
    return {name: environ[name] for name, value in known.items() if name in environ and environ[name] != value}


def read(file: Path) -> dict[str, str]:
    """The variables of `.env`, unchecked; none where there is no such file."""
    return {name: value or "" for name, value in dotenv_values(file, interpolate=False).items()}


def parse(text: str) -> dict[str, str]:
    """The variables of a `.env` that is not written yet. Raises `CommandError` as `load`."""
    values = dotenv_values(stream=StringIO(text), interpolate=False)
    return _checked({name: value or "" for name, value in values.items()}, ".env")


def load(file: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of `.env`; one that is set in the environment wins. Raises `CommandError` for what is missing."""
    known = read(file)
    merged = known | {name: value for name, value in environ.items() if name in known or _ours(name)}
    return _checked(merged, file.name)


def _checked(merged: dict[str, str], file: str) -> dict[str, str]:
    missing = [name for name in GENERATED if not merged.get(name)]
    if missing:
        raise CommandError(
            f"{', '.join(missing)} must be set in {file}, each to a random value of its own: "
            "`openssl rand -hex 32` prints one"
        )
    merged["SERVICE_CREDENTIALS"] = _checked_credentials(merged)
    _refuse_weak(merged, file)
    return merged


def _refuse_weak(values: Mapping[str, str], file: str) -> None:
    """Raise `CommandError` that names every secret anybody could guess, and those that two have in common."""
    known = {name: text for name in SECRETS if (text := values.get(name, ""))}
    if faulty := [name for name, text in known.items() if weak(text)]:
        raise CommandError(
            f"{', '.join(faulty)} in {file} can be guessed: set each to a random value of its own, "
            "`openssl rand -hex 32` prints one"
        )
    if "." in values["OPERATOR_TOKEN"]:
        raise CommandError("OPERATOR_TOKEN must not hold a dot: people's tokens are recognized by their dots")
    shared = [name for name, text in known.items() if list(known.values()).count(text) > 1]
    if shared:
        raise CommandError(f"{', '.join(shared)} in {file} must differ: each identifies another caller")


def _ours(name: str) -> bool:
    return name in OPTIONAL or (name.endswith("_PORT") and name[:-5].lower() in DEFAULT_PORTS)


# read from the environment even where an older .env has no line for them
OPTIONAL = frozenset({*GENERATED, "DATABASE_URL", "REDIS_URL", "JWT_SECRET", "HEARTGUARD_RUNTIME", "HEARTGUARD_ENV"})


def credentials(values: Mapping[str, str]) -> str:
    """What every service may know of the others' secrets, and of the operator's: `name:sha256` pairs."""
    secret_of = {name: values[service.secret] for name, service in SERVICES.items()}
    secret_of["operator"] = values["OPERATOR_TOKEN"]
    return ",".join(f"{name}:{hashlib.sha256(text.encode()).hexdigest()}" for name, text in secret_of.items())


def _checked_credentials(values: Mapping[str, str]) -> str:
    written, right = values.get("SERVICE_CREDENTIALS", ""), credentials(values)
    if written and not set(right.split(",")) <= set(written.split(",")):
        raise CommandError(
            "SERVICE_CREDENTIALS does not match the *_SERVICE_SECRET variables: leave it empty to have it derived"
        )
    return written or right


def for_migration(environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The owner's URL and the password of each service's role. Raises `CommandError` for what is missing."""
    names = {name: f"{name.upper()}_DB_PASSWORD" for name in ROLES}
    missing = [name for name in ("DATABASE_URL", *names.values()) if not environ.get(name)]
    if missing:
        raise CommandError(f"{', '.join(missing)} must be set")
    return environ["DATABASE_URL"], {name: environ[variable] for name, variable in names.items()}


def addresses(values: Mapping[str, str], name: str) -> tuple[Address, ...]:
    """Where a program listens: loopback, and for the gateway `GATEWAY_BIND` before it. Raises `CommandError`."""
    if name != "gateway":
        return (LOOPBACK,)
    text = values.get("GATEWAY_BIND", "").strip() or "0.0.0.0"  # noqa: S104 - the one public port
    try:
        bound = ip_address(re.sub(r"^\[(.*)\]$", r"\1", text))
    except ValueError:
        raise CommandError(
            "GATEWAY_BIND must be an IP address of this machine, or 0.0.0.0 or :: for all of them"
        ) from None
    return (bound,) if bound.is_unspecified or bound == LOOPBACK else (bound, LOOPBACK)


def port(values: Mapping[str, str], name: str) -> int:
    """The port of a service or embedded server, from `<NAME>_PORT`. Raises `CommandError`."""
    text = values.get(f"{name.upper()}_PORT", "").strip() or str(DEFAULT_PORTS[name])
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65_535:
        raise CommandError(f"{name.upper()}_PORT must be a number from 1 to 65535")
    return int(text)

"""The services of HeartGuard and what runs beside them, read from `services/services.toml`."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from heartguard_common.core.paths import REPO_ROOT, SERVICES_FILE

COMMON = "common"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One Flask service; `threads` is 0 where a worker of gunicorn has none, `gunicorn` names its configuration."""

    name: str
    port: int
    prefix: str
    codes: str
    depends: tuple[str, ...]
    database: bool = True
    workers: int = 1
    threads: int = 8
    gunicorn: str = "heartguard_common.runtime.gunicorn_hooks"
    url: str

    @property
    def package(self) -> str:
        """The name of its Python package."""
        return f"heartguard_{self.name}"

    @property
    def secret(self) -> str:
        """The variable of `.env` that holds its secret."""
        return f"{self.name.upper()}_SERVICE_SECRET"

    @property
    def local_url(self) -> str:
        """Where it answers on the machine that it runs on, at its default port."""
        return f"http://127.0.0.1:{self.port}"

    def arguments(self, *more: str) -> tuple[str, ...]:
        """The command line of gunicorn after its name; `more` says where it listens, and how."""
        threads = ("--threads", str(self.threads)) if self.threads else ()
        workers = ("--workers", str(self.workers), *threads)
        return ("--config", f"python:{self.gunicorn}", *workers, "--no-control-socket", *more, "app:app")


@dataclass(frozen=True, kw_only=True)
class Companion:
    """A program beside the services, `python -m <module>`, with the sources and the secret of `owner`."""

    name: str
    owner: str
    module: str


@dataclass(frozen=True)
class Registry:
    """All of `services.toml`; mappings keep the order of the file.

    `roles` are the database roles that log in, without their prefix; `ports` are the default ones of services and of
    embedded servers.
    """

    services: Mapping[str, Service]
    programs: Mapping[str, Companion]
    roles: tuple[str, ...]
    ports: Mapping[str, int]


def load(file: Path = SERVICES_FILE) -> Registry:
    """Read the file. Raises `TypeError` for a key that is missing or unknown."""
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    services = {name: _service(name, **entry) for name, entry in document["services"].items()}
    programs = {name: Companion(name=name, **entry) for name, entry in document["programs"].items()}
    return Registry(
        services=MappingProxyType(services),
        programs=MappingProxyType(programs),
        roles=(*(it.name for it in services.values() if it.database), *document["database"]["roles"]),
        ports=MappingProxyType({it.name: it.port for it in services.values()} | document["embedded"]),
    )


def _service(name: str, **entry: Any) -> Service:
    url = entry.pop("url", f"{name.upper()}_URL")
    return Service(name=name, url=url, **{**entry, "depends": tuple(entry["depends"])})


def source(name: str, root: Path = REPO_ROOT) -> Path:
    """The directory of a service's sources, also of `common` and `cli`, in a tree."""
    return root / "services" / name / "src"


def python_path(*names: str, root: Path = REPO_ROOT) -> str:
    """`PYTHONPATH` for programs of these services: their own sources and the shared library's, no other service's."""
    return os.pathsep.join(str(source(name, root)) for name in (COMMON, *names))


REGISTRY = load()
SERVICES: Mapping[str, Service] = REGISTRY.services

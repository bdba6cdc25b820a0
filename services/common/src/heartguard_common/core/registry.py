"""The services of HeartGuard and the programs that run beside them, read from `services/services.toml`."""

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
    """One Flask service; `threads` is 0 for workers without threads, `gunicorn` is gunicorn's configuration module.

    `sources` are directories of packages that it uses besides its own and the shared ones, from the repository's root.
    """

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
    sources: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        """The name of its Python package."""
        return f"heartguard_{self.name}"

    @property
    def secret(self) -> str:
        """The variable of `.env` that holds the service's secret."""
        return f"{self.name.upper()}_SERVICE_SECRET"

    @property
    def local_url(self) -> str:
        """Its URL on its own machine, at the default port."""
        return f"http://127.0.0.1:{self.port}"

    def arguments(self, *more: str) -> tuple[str, ...]:
        """The arguments of the gunicorn command; `more` are additional ones, such as `--bind`."""
        threads = ("--threads", str(self.threads)) if self.threads else ()
        workers = ("--workers", str(self.workers), *threads)
        return ("--config", f"python:{self.gunicorn}", *workers, "--no-control-socket", *more, "app:app")


@dataclass(frozen=True, kw_only=True)
class Companion:
    """A program beside the services, `python -m <module>`, with the sources and the secret of the service `owner`.

    `port` is where it answers about itself, for one that does.
    """

    name: str
    owner: str
    module: str
    port: int | None = None


@dataclass(frozen=True)
class Registry:
    """All of `services.toml`; mappings keep the order of the file.

    `roles` are the database roles that log in, without their prefix; `ports` are the default ports of services and
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
        ports=MappingProxyType(
            {it.name: it.port for it in services.values()}
            | {it.name: it.port for it in programs.values() if it.port is not None}
            | document["embedded"]
        ),
    )


def _service(name: str, **entry: Any) -> Service:
    url = entry.pop("url", f"{name.upper()}_URL")
    lists = {key: tuple(entry.get(key, ())) for key in ("depends", "sources")}
    return Service(name=name, url=url, **{**entry, **lists})


def source(name: str, root: Path = REPO_ROOT) -> Path:
    """The source directory of a service, of `common` or of `cli`, in the tree `root`."""
    return root / "services" / name / "src"


def python_path(*names: str, root: Path = REPO_ROOT) -> str:
    """`PYTHONPATH` for programs of these services: the shared library's sources, their own, and what else they use."""
    own = [source(name, root) for name in (COMMON, *names)]
    others = [root / path for name in names if name in SERVICES for path in SERVICES[name].sources]
    return os.pathsep.join(map(str, (*own, *others)))


REGISTRY = load()
SERVICES: Mapping[str, Service] = REGISTRY.services

"""What the system consists of: each program's command line, and exactly the environment it needs."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dotenv import dotenv_values

from heartguard_cli.child_processes import dies_with_parent
from heartguard_cli.embedded.postgres import PostgresCluster
from heartguard_cli.embedded.valkey import ValkeyServer
from heartguard_cli.environment import DEFAULT_PORTS, ROLES, addresses, port
from heartguard_cli.layout import Layout
from heartguard_cli.urls import LOOPBACK, for_role, host, local_url, role_name
from heartguard_common.core.registry import REGISTRY, SERVICES, Companion, python_path

BESIDE = tuple(REGISTRY.programs)
PROGRAMS = (*SERVICES, *BESIDE, "valkey", "postgres")
"""Every program that can run, by name."""
SECOND = ".second"
GEVENT = frozenset({"gateway", "stream"})
"""Programs in which gevent replaces parts of the standard library, before anything else is imported."""
OPEN_FILES = 65_536
# What all pools may open (`heartguard_database_pool_size`) is there twice while a rolling restart lasts.
CONNECTIONS = 250
# One malloc arena per thread and core would double the resident size of a threaded service, and a fixed threshold gives
# the 19 MiB of each password hash back, instead of keeping them for the next.
MEMORY: Mapping[str, str] = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": str(4 * 1024 * 1024)}

COMMON = (
    *("REDIS_URL", "SERVICE_SECRET", "SERVICE_CREDENTIALS", "AUTH_URL", "SPOOL_DIR", "LOG_LEVEL"),
    *("JWT_SECRET", "JWT_SECRET_PREVIOUS", "JWT_ISSUER", "JWT_AUDIENCE"),
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_TRACES_SAMPLER_ARG"),
)
STORED = (*COMMON, "DATABASE_URL", "HEARTGUARD_ENV", "LIMITS", "MEDIA_QUOTA_MB")
AUDIT = (
    *(*STORED, "AUDIT_MASK_SECRET"),
    *("AUDIT_CHECKPOINT_KEY", "AUDIT_CHECKPOINT_KEY_PREVIOUS", "CHECKPOINT_DIR"),
)
INFLUXDB = ("INFLUX_URL", "INFLUX_TOKEN", "INFLUX_ORG")
GATEWAY = (
    *(*COMMON, "RATE_LIMIT", "LIMITS", "ALLOWED_ORIGINS", "TRUSTED_PROXIES", "DEMO_ENABLED"),
    *("MAX_UPLOAD_MB", "MAX_IMPORT_MB", "BODY_SPOOL_MB", "ANSWER_BUFFER_MB"),
    *(it.url for it in SERVICES.values() if it.name not in {"gateway", "auth"}),
)
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "gateway": GATEWAY,
    "stream": (*GATEWAY, "STREAM_BIND"),
    "auth": (
        *(*STORED, "JWT_EXPIRES_IN", "REFRESH_TOKEN_TTL", "KEY_RING_SECRET"),
        *("REGISTRATION", "EMAIL_CONFIRMATION", "DEMO_ENABLED"),
        *("ALLOWED_ORIGINS", "RATE_LIMIT", "SMTP_URL"),
    ),
    "organization": (*STORED, "PLANS_FILE", "USER_URL", "MEDIA_URL", "INFLUX_SERVICE_URL", "ALARM_URL"),
    "user": (*STORED, "ORGANIZATION_URL", "MEDIA_URL", "INFLUX_SERVICE_URL", "AUDIT_URL", "ALARM_URL"),
    "media": (
        *(*STORED, "MAX_UPLOAD_MB", "MAX_IMPORT_MB", "SIGNED_URL_TTL", "SIGNED_URL_SECRET", "PUBLIC_URL"),
        *("MEDIA_TYPES", "MEDIA_DIR"),
        *("GCS_BUCKET", "GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST"),
    ),
    "influx": (*STORED, *INFLUXDB, "MEDIA_URL", "MAX_IMPORT_MB"),
    "audit": AUDIT,
    "alarm": (*STORED, "INFLUX_SERVICE_URL", "HEARTBEAT_URL", "ALARM_CHANNEL_SECRET", "ALARM_HOSTS", "PUBLIC_URL"),
    "consumer": (*AUDIT, "AUDIT_RETENTION_DAYS", "RETENTION_DATABASE_URL"),
    "backup": (
        *("DATABASE_URL", "MEDIA_DIR", "CHECKPOINT_DIR", "BACKUP_DIR", "BACKUP_KEEP", "BACKUP_RECIPIENTS"),
        *("INFLUX_URL", "INFLUX_TOKEN", "INFLUX_ORG"),
        *("GCS_BUCKET", "GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST"),
        *("KEY_RING_SECRET", "AUDIT_CHECKPOINT_KEY", "AUDIT_CHECKPOINT_KEY_PREVIOUS", "AUDIT_MASK_SECRET"),
    ),
}
"""The variables each service, the consumer and the daily backup read; a test compares them with their Settings."""

DERIVED = frozenset({"SERVICE_SECRET", "STREAM_BIND", "RETENTION_DATABASE_URL", *(it.url for it in SERVICES.values())})
"""Variables of services that are derived from the ports and the secrets in `.env`."""


@dataclass(frozen=True)
class Program:
    """One program under the supervisor; `priority` orders starts, and stops the other way round.

    `entry` is the supervisor's name for it. A service has two, of which one runs: `restart --rolling` starts the other
    with the sockets of the first (`handover`). `module` is what `python -m` runs in it, with its arguments.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    priority: int
    stop_signal: str = "TERM"
    stop_seconds: int = 6
    empty: Path | None = None
    group: str | None = None
    entry: str = ""
    handover: bool = False
    module: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.entry:
            object.__setattr__(self, "entry", self.name)


@dataclass(frozen=True)
class System:
    """Everything that one `.env` describes."""

    layout: Layout
    values: Mapping[str, str]

    @property
    def postgres(self) -> PostgresCluster | None:
        """The embedded cluster, unless `DATABASE_URL` names a real one."""
        if self.values.get("DATABASE_URL"):
            return None
        settings = ("shared_buffers=64MB", f"max_connections={CONNECTIONS}", "log_line_prefix=%m [%p] %u ")
        return PostgresCluster(self.layout.var / "pg", port(self.values, "postgres"), settings)

    @property
    def valkey(self) -> ValkeyServer | None:
        """The embedded Valkey, unless `REDIS_URL` names a real Redis."""
        if self.values.get("REDIS_URL"):
            return None
        data = self.layout.var / "valkey"
        return ValkeyServer(data, port(self.values, "valkey"), self.values["VALKEY_PASSWORD"])

    @property
    def owner_url(self) -> str:
        """The URL of the database's owner, who migrates and is no service."""
        cluster = self.postgres
        return cluster.url() if cluster else self.values["DATABASE_URL"]

    @property
    def redis_url(self) -> str:
        """The URL of Redis."""
        server = self.valkey
        return server.url if server else self.values["REDIS_URL"]

    @property
    def db_passwords(self) -> dict[str, str]:
        """The password of each service's database role."""
        return {name: self.values[f"{name.upper()}_DB_PASSWORD"] for name in ROLES}

    def ports(self) -> dict[str, int]:
        """The ports this system listens on, by the name before `_PORT`."""
        absent = {"postgres": self.postgres is None, "valkey": self.valkey is None}
        return {name: port(self.values, name) for name in DEFAULT_PORTS if not absent.get(name)}

    def keep_ports(self) -> None:
        """Note with which ports the system is started, so that commands find it whatever `.env` says later."""
        self.layout.make()
        lines = [f"{name.upper()}_PORT={number}\n" for name, number in self.ports().items()]
        lines.append(f"GATEWAY_BIND={self.values.get('GATEWAY_BIND', '')}\n")
        self.layout.started_with.write_text("".join(lines))

    def as_started(self) -> "System":
        """The system with the ports with which it was started, while it runs; otherwise with those of `.env`."""
        noted = self.layout.started_with
        if not noted.exists():
            return self
        found = {name: value or "" for name, value in dotenv_values(noted, interpolate=False).items()}
        return replace(self, values={**self.values, **found})

    def url(self, service: str) -> str:
        """Where a service answers on this machine."""
        return local_url(addresses(self.values, service)[-1], port(self.values, service))

    def stores(self) -> list[Program]:
        """The embedded servers; empty when both are somewhere else."""
        found = []
        if self.postgres:
            command = tuple(self.postgres.command())
            found.append(Program("postgres", command, base_environment(), 10, stop_signal="INT", stop_seconds=8))
        if self.valkey:
            found.append(Program("valkey", tuple(self.valkey.command()), base_environment(), 20))
        return found

    def services(self) -> list[Program]:
        """The services, in one group, and the programs beside them: the audit consumer and the daily backup."""
        beside = [self._companion(it, 90 + 5 * place) for place, it in enumerate(REGISTRY.programs.values())]
        return [*(self._service(name, name) for name in SERVICES), *beside]

    def seconds(self) -> list[Program]:
        """The second entry of each service."""
        return [self._service(name, f"{name}{SECOND}") for name in SERVICES]

    def _companion(self, it: Companion, priority: int) -> Program:
        command = (*dies_with_parent("TERM"), sys.executable, "-m", it.module)
        return Program(it.name, command, self.environment(it.owner, it.name), priority, module=(it.module,))

    def _service(self, name: str, entry: str) -> Program:
        metrics = self.layout.run / "metrics" / entry
        words = ("gunicorn", *self._gunicorn(name))
        command = (*dies_with_parent("TERM"), sys.executable, "-m", *words)
        environment = {
            **self.environment(name),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
            "HEARTGUARD_HANDOVER": str(self.layout.handover),
        }
        return Program(
            *(name, command, environment, 100),
            empty=metrics,
            group="services",
            entry=entry,
            handover=True,
            module=words,
        )

    def _gunicorn(self, name: str) -> tuple[str, ...]:
        binds = (f"--bind={host(it)}:{port(self.values, name)}" for it in addresses(self.values, name))
        return SERVICES[name].arguments("--graceful-timeout", "4", *binds)

    def _role_url(self, name: str) -> str:
        """The URL by which a service or other role of the registry reaches the database."""
        cluster, password = self.postgres, self.db_passwords[name]
        return cluster.url(role_name(name), password=password) if cluster else for_role(self.owner_url, name, password)

    def environment(self, service: str, program: str | None = None) -> dict[str, str]:
        """The environment of a service: what its Settings read, and what Python itself needs."""
        own = {
            "SERVICE_SECRET": self.values.get(SERVICES[service].secret, "") if service in SERVICES else "",
            "DATABASE_URL": self.owner_url,
            "REDIS_URL": self.redis_url,
            "SPOOL_DIR": str(self.layout.var / "spool"),
            "MEDIA_DIR": str(self.layout.root / (self.values.get("MEDIA_DIR") or "var/media")),
            "CHECKPOINT_DIR": str(self.layout.root / (self.values.get("CHECKPOINT_DIR") or "var/checkpoints")),
            "PUBLIC_URL": self.values.get("PUBLIC_URL") or self.url("gateway"),
            "STREAM_BIND": f"{host(LOOPBACK)}:{port(self.values, 'stream')}",
            **{it.url: self.url(name) for name, it in SERVICES.items()},
        }
        wanted = VARIABLES[program or service]
        if service in ROLES:
            own["DATABASE_URL"] = self._role_url(service)
        if "RETENTION_DATABASE_URL" in wanted:
            own["RETENTION_DATABASE_URL"] = self._role_url("retention")
        known = {name: own.get(name) or self.values.get(name, "") for name in wanted}
        path = python_path(service, root=self.layout.root)
        needed = {name: value for name, value in known.items() if value}
        return {**base_environment(), **needed, "PYTHONPATH": path, "HEARTGUARD_PROGRAM": program or service}


def base_environment() -> dict[str, str]:
    """What every program may know: where programs and certificates are, language and time zone."""
    passed = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY")
    kept = {name: os.environ[name] for name in passed if name in os.environ}
    return {**kept, **MEMORY, "PYTHONUNBUFFERED": "1"}

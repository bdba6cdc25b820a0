"""How every service but the gateway starts: its dependencies, and the application over them."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from heartguard_common.contract.contracts import Contracts
from heartguard_common.core import logs
from heartguard_common.core.clock import Clock
from heartguard_common.core.metrics import LiveGauge
from heartguard_common.core.process_metrics import show_process, show_readiness
from heartguard_common.core.registry import SERVICES
from heartguard_common.http.lanes import Lanes
from heartguard_common.http.web_dependencies import ApiKeyAccess, WebDependencies
from heartguard_common.identity import policy
from heartguard_common.identity.api_key_cache import ApiKeyCache, KeyedRevocations, introspection_by
from heartguard_common.identity.api_key_uses import ApiKeyUseLog, sent_to
from heartguard_common.identity.authentication import (
    KEY_SET_PATH,
    Authenticator,
    KeySource,
    PublishedKeys,
    TokenVerifier,
    open_key_source,
)
from heartguard_common.identity.remembered_tokens import RememberedTokens
from heartguard_common.identity.revocation import Revocations
from heartguard_common.identity.revocation_check import RedisRevocations
from heartguard_common.identity.revocation_copy import RevocationCopy
from heartguard_common.jobs.background_reports import report_background
from heartguard_common.jobs.background_work import BackgroundWork
from heartguard_common.jobs.dead_letters import DeadLetters, ManagedQueue
from heartguard_common.messages import JwkSet
from heartguard_common.runtime.dependencies import Dependencies, open_dependencies
from heartguard_common.runtime.service_settings import MEBIBYTE, ServiceSettings
from heartguard_common.stores.database_metrics import show_database

__all__ = ["MEBIBYTE", "Dependencies", "ServiceSettings", "make_web_dependencies", "open_dependencies"]


def make_web_dependencies(
    service: str,
    settings: ServiceSettings,
    dependencies: Dependencies,
    *,
    key_source: KeySource | None = None,
    revocations: Revocations | None = None,
    api_keys: ApiKeyAccess | None = None,
    queues: Mapping[str, ManagedQueue] = MappingProxyType({}),
    directories: Mapping[str, Path] = MappingProxyType({}),
) -> WebDependencies:
    """What the application of a service needs. Auth passes its keys, revocations and API keys, because it makes them.

    Each of the others takes part in keeping the copy of the revocations. `queues` are those whose failed items the
    operator sees. `directories` are those, by a short name, of whose disks metrics show the room, besides the spool's.
    """
    if revocations is None or api_keys is None:
        revocations, api_keys = _ask_auth(dependencies)
    work = _show_state(service, dependencies, queues, {"spool": settings.spool_dir, **directories})
    source = key_source or _open_key_source(settings, dependencies)
    return WebDependencies(
        service=service,
        prefix=SERVICES[service].prefix,
        contracts=Contracts.load(),
        policy=policy.load(),
        authenticator=_authenticator(settings, source, dependencies.clock, api_keys),
        revocations=revocations,
        lifecycle=dependencies.lifecycle,
        metrics=dependencies.metrics,
        lanes=Lanes(dependencies.metrics),
        gateway_key=settings.service_credentials.get("gateway", ""),
        keys=dependencies.keys,
        background=work,
        dead_letters=DeadLetters(
            service, dependencies.dead_letters, queues, dependencies.audit, dependencies.database.transaction
        ),
        authority=dependencies.authority,
        check_answers=settings.environment == "test",
        api_keys=api_keys,
        log=logs.configure(service, settings.log_level),
    )


def _open_key_source(settings: ServiceSettings, dependencies: Dependencies) -> KeySource:
    """The keys that verify tokens, kept fresh."""
    source = open_key_source(
        settings, lambda: dependencies.auth.get(KEY_SET_PATH, JwkSet), dependencies.clock, dependencies.lifecycle
    )
    if isinstance(source, PublishedKeys):
        # While auth is overloaded, a service that has no keys yet could not verify a valid token.
        dependencies.background.start("key-set", source.keep_fresh)
    return source


def _show_state(
    service: str, dependencies: Dependencies, queues: Mapping[str, ManagedQueue], directories: Mapping[str, Path]
) -> BackgroundWork:
    """Add the gauges of the process, its dependencies, connections and background work; returns the last of these."""
    show_process(dependencies.metrics, directories)
    show_readiness(dependencies.metrics, dependencies.lifecycle)
    show_database(dependencies.metrics, dependencies.database)
    return _show_background(service, dependencies, queues)


def _authenticator(settings: ServiceSettings, source: KeySource, clock: Clock, api_keys: ApiKeyAccess) -> Authenticator:
    verifier = TokenVerifier(source, settings.jwt_issuer, settings.jwt_audience, clock)
    return Authenticator(RememberedTokens(verifier, clock), settings.service_credentials, api_keys.revocations)


def _ask_auth(dependencies: Dependencies) -> tuple[RedisRevocations, ApiKeyAccess]:
    """Revocations and API keys of a service that asks auth; it keeps the copy of the revocations too."""
    copy = RevocationCopy(dependencies.database, dependencies.redis, dependencies.clock)
    dependencies.background.start("revocations", copy.step)
    revocations = RedisRevocations(dependencies.redis, dependencies.auth)
    cache = ApiKeyCache(introspection_by(dependencies.auth), dependencies.clock)
    uses = ApiKeyUseLog(sent_to(dependencies.auth), dependencies.clock)
    dependencies.background.start("api-key-uses", uses.flush)
    return revocations, ApiKeyAccess(KeyedRevocations(cache, revocations.state), uses)


def _show_background(service: str, dependencies: Dependencies, queues: Mapping[str, ManagedQueue]) -> BackgroundWork:
    """What the operator sees of tasks and queues.

    Metrics of it: how often a task failed in a row, how many items of a queue are given up, how long the oldest other
    one has waited.
    """
    reports = report_background(service, dependencies.background, dependencies.redis, dependencies.lifecycle)
    work = BackgroundWork(service, dependencies.background, reports, dependencies.dead_letters, queues)
    metrics = dependencies.metrics
    metrics.live_by(
        LiveGauge(
            "heartguard_background_failing",
            "Runs of a task that failed in a row, in the process where that is most",
            ("task",),
        ),
        work.failures,
    )
    metrics.live_by(
        LiveGauge("heartguard_dead_letters", "Items of a queue that are given up", ("queue",)),
        lambda: {name: float(it.dead) for name, it in dependencies.dead_letters.counts(queues).items()},
    )
    counted = {name: queue.waiting for name, queue in queues.items() if queue.waiting is not None}
    metrics.live_by(
        LiveGauge("heartguard_queue_waiting", "Items of a queue that are neither done nor given up", ("queue",)),
        lambda: {name: float(read()) for name, read in counted.items()},
    )
    aged = {name: queue.oldest_seconds for name, queue in queues.items() if queue.oldest_seconds is not None}
    metrics.live_by(
        LiveGauge(
            "heartguard_queue_oldest_seconds",
            "How long the item has waited that waits longest and is not given up",
            ("queue",),
        ),
        lambda: {name: read() for name, read in aged.items()},
    )
    return work

"""Builds the gateway from its settings."""

import time
from collections.abc import Callable, Mapping
from functools import partial

import gevent
from flask import Flask

from heartguard_common.contract.contracts import Contracts
from heartguard_common.core import logs, tracing
from heartguard_common.core.clock import Clock, SystemClock
from heartguard_common.core.lifecycle import LIFECYCLE, Lifecycle, Resource
from heartguard_common.core.metrics import LiveGauge, Metrics
from heartguard_common.core.paths import SCHEMAS_DIR
from heartguard_common.core.process_metrics import show_process, show_readiness
from heartguard_common.identity.api_key_cache import ApiKeyCache
from heartguard_common.identity.authentication import (
    KEY_SET_PATH,
    Authenticator,
    KeySource,
    PublishedKeys,
    TokenVerifier,
    open_key_source,
)
from heartguard_common.identity.organization_state import REQUESTS
from heartguard_common.identity.policy import Policy
from heartguard_common.identity.policy import load as load_policy
from heartguard_common.identity.revocation import CallerState
from heartguard_common.identity.revocation_check import introspect
from heartguard_common.messages import JwkSet
from heartguard_common.stores.service_client import ServiceClient
from heartguard_common.stores.spool import Spool
from heartguard_gateway.admission.api_keys import CachedApiKeys
from heartguard_gateway.admission.callers import CachedCallers
from heartguard_gateway.admission.gate import LocalBuckets, RedisGate
from heartguard_gateway.audit_events.refusals import CountedRefusals
from heartguard_gateway.audit_events.trail import StreamTrail
from heartguard_gateway.bodies.spool import BodySpool, SpoolLimits
from heartguard_gateway.own_routes.health import SystemHealth
from heartguard_gateway.own_routes.routes import OwnRoutes
from heartguard_gateway.pipeline.traced import make_pipeline
from heartguard_gateway.ports import Ports, StreamLimits
from heartguard_gateway.redis_client.connection import RedisConnection
from heartguard_gateway.redis_client.traced import open_connection
from heartguard_gateway.route_matching import Matcher, compile_limits
from heartguard_gateway.server.environ_keys import GIVE_AWAY
from heartguard_gateway.settings import NAME, STREAM, Settings
from heartguard_gateway.stream_wiring import give_away, open_hub
from heartguard_gateway.streams.routes import StreamRoutes
from heartguard_gateway.streams.tickets import Tickets
from heartguard_gateway.upstream.answer_limits import AnswerLimits
from heartguard_gateway.upstream.kept_answers import Answers
from heartguard_gateway.upstream.limits import UpstreamLimits
from heartguard_gateway.upstream.service import Upstream
from heartguard_gateway.wsgi import mount

HUB = "heartguard.streams"
"""The extension of the stream process's application that holds its streams."""
_STATE_SECONDS = 1.0
SERVICE_READY = LiveGauge("heartguard_service_ready", "1 where a service says that it is ready, or 0", ("upstream",))
_MIB = 1024 * 1024
# Over the gateway's two workers fewer than the service has threads, see programs.py of the CLI.
_STREAMS = {"media": UpstreamLimits(streams=8, share=3, downloads=8)}


def create_app(
    settings: Settings, *, clock: Clock | None = None, limits: UpstreamLimits | None = None, program: str = NAME
) -> Flask:
    """The application of the gateway, or of the `program` `stream`. Raises `PolicyError`, `OrderError`."""
    contracts, policy, clock = Contracts.load(), load_policy(), clock or SystemClock()
    metrics, lifecycle = _metrics(settings, program), _lifecycle(settings)
    fallen_back, refusal = _counters(metrics)
    redis, auth = _open_redis(settings, lifecycle), _open_auth(settings, lifecycle)
    keys = open_key_source(settings, lambda: auth.get(KEY_SET_PATH, JwkSet), clock, lifecycle)
    services = _upstreams(settings, policy, limits, answers := _answers(settings, metrics), metrics, lifecycle)
    bodies = BodySpool(settings.spool_dir, SpoolLimits(disk=settings.body_spool_mb * _MIB))
    trail = _trail(redis, settings, program, fallen_back)
    refused = CountedRefusals(trail, clock)
    health = _health(policy, lifecycle, services, clock, metrics)
    own, tickets = OwnRoutes(contracts, lifecycle, metrics, health, SCHEMAS_DIR, demo=settings.has_demo), Tickets(redis)
    hub = open_hub(settings, redis, contracts, trail, clock, metrics, lifecycle) if program == STREAM else None
    ports = Ports(
        contracts=contracts,
        matcher=Matcher(policy),
        limits=compile_limits(policy, settings.rate_limit.count, settings.rate_limit.seconds),
        callers=_callers(settings, keys, clock, metrics),
        api_keys=CachedApiKeys(auth, clock, lifecycle),
        introspect=_introspection(auth, metrics),
        gate=_gate(settings, redis, fallen_back),
        redeem=tickets.redeem,
        services=services,
        bodies=bodies,
        own={**own.table, **StreamRoutes(contracts, tickets, hub).table},
        trail=refused,
        metrics=metrics,
        refused=refusal,
        log=logs.configure(program, settings.log_level),
        clock=clock,
        monotonic=time.monotonic,
        allowed_origins=frozenset(settings.allowed_origins),
        trusted_proxies=settings.trusted_proxies,
        forwarding_key=settings.service_credentials.get(NAME, ""),
        max_stream=_stream_limits(settings),
    )
    app = _application(ports)
    lifecycle.on_close(refused.close)
    _run_beside(lifecycle, trail.drain_forever, refused.write_forever, partial(_keep_fresh, keys))
    _run_beside(lifecycle, partial(_show_state, metrics, services, bodies), partial(_keep_pace, metrics, answers))
    app.extensions[LIFECYCLE] = lifecycle
    app.extensions.update({GIVE_AWAY: give_away(settings)} if hub is None else {HUB: hub})
    return app


def _gate(settings: Settings, redis: RedisConnection, count: Callable[[str], None]) -> RedisGate:
    """What admits requests; `LIMITS` may give each organization a share of them."""
    return RedisGate(redis, LocalBuckets(), count, dict(settings.limits).get(REQUESTS))


def _stream_limits(settings: Settings) -> StreamLimits:
    most = max(settings.max_upload_mb, settings.max_import_mb)
    return StreamLimits(settings.max_upload_mb * _MIB, most * _MIB)


def _counters(metrics: Metrics) -> tuple[Callable[[str], None], Callable[[str, str], None]]:
    """What counts what is done without Redis, and the refusals."""
    fallbacks = metrics.counter("heartguard_gateway_redis_fallbacks", "Done without Redis", ("what",))
    refusals = metrics.counter("heartguard_gateway_refusals", "Refused by a stage", ("stage", "code"))
    return lambda what: fallbacks.labels(what).inc(), lambda stage, code: refusals.labels(stage, code).inc()


def _application(ports: Ports) -> Flask:
    app = Flask("heartguard_gateway", static_folder=None)
    mount(app, make_pipeline(ports))
    return app


def _trail(redis: RedisConnection, settings: Settings, program: str, count: Callable[[str], None]) -> StreamTrail:
    return StreamTrail(redis, Spool(settings.spool_dir / f"{program}.events"), count)


def _open_auth(settings: Settings, lifecycle: Lifecycle) -> ServiceClient:
    auth = ServiceClient(settings.auth_url, NAME, settings.service_secret)
    # Any answer will do: it shows that the service is reachable.
    return lifecycle.open(Resource("auth", lambda: auth, lambda it: it.get("/auth/health", dict)))


def _lifecycle(settings: Settings) -> Lifecycle:
    """The lifecycle of this process, which sends spans where a collector is named."""
    lifecycle = Lifecycle()
    spans = tracing.start(NAME, settings, public=True)
    if spans is not None:
        lifecycle.on_close(spans.close)
    return lifecycle


def _metrics(settings: Settings, program: str) -> Metrics:
    """The metrics of the program, with the gauges of its processes and its disk."""
    metrics = Metrics(program)
    show_process(metrics, {"spool": settings.spool_dir})
    return metrics


def _callers(settings: Settings, keys: KeySource, clock: Clock, metrics: Metrics) -> CachedCallers:
    """What authenticates callers, and remembers them."""
    checks = metrics.counter("heartguard_gateway_token_checks", "Credentials, remembered or verified", ("how",))
    remembered, verified = checks.labels("remembered").inc, checks.labels("verified").inc
    return CachedCallers(make_authenticator(settings, keys, clock), clock, hit=remembered, miss=verified)


def _introspection(auth: ServiceClient, metrics: Metrics) -> Callable[[str], CallerState]:
    """What asks auth about a token."""
    asked = metrics.counter("heartguard_gateway_introspections", "Tokens that auth was asked about")

    def ask(token: str) -> CallerState:
        asked.inc()
        return introspect(auth, token)

    return ask


def _open_redis(settings: Settings, lifecycle: Lifecycle) -> RedisConnection:
    return lifecycle.open(
        Resource("redis", lambda: open_connection(settings.redis_url), RedisConnection.ping, RedisConnection.close)
    )


def _run_beside(lifecycle: Lifecycle, *works: Callable[[], object]) -> None:
    """Run each of them in a greenlet until the gateway ends."""
    for work in works:
        lifecycle.on_close(gevent.spawn(work).kill)


def _upstreams(
    settings: Settings,
    policy: Policy,
    limits: UpstreamLimits | None,
    answers: Answers,
    metrics: Metrics,
    lifecycle: Lifecycle,
) -> dict[str, Upstream]:
    """The services behind the gateway, by name."""
    events = metrics.counter(
        "heartguard_gateway_upstream_events", "Failures of a service, retries and full lanes", ("upstream", "event")
    )
    health = {rule.upstream: rule.path for rule in policy.rules if rule.id.endswith(".health")}
    made = {
        name: Upstream(
            name,
            url,
            limits or _STREAMS.get(name),
            health=health.get(name),
            answers=answers,
            count=lambda who, what: events.labels(who, what).inc(),
        )
        for name, url in settings.upstreams.items()
    }
    for upstream in made.values():
        lifecycle.on_close(upstream.close)
    return made


def _health(
    policy: Policy, lifecycle: Lifecycle, services: Mapping[str, Upstream], clock: Clock, metrics: Metrics
) -> SystemHealth:
    """What asks the gateway and its services whether they are ready; metrics show what it knows."""
    paths = {
        rule.upstream: rule.path for rule in policy.rules if rule.id.endswith(".ready") and rule.upstream in services
    }
    health = SystemHealth(lambda: all(it.ok for it in lifecycle.readiness()), services, paths, clock)
    show_readiness(metrics, lifecycle)
    metrics.live_by(SERVICE_READY, lambda: {check.name: float(check.ok) for check in health.report().checks})
    return health


def _answers(settings: Settings, metrics: Metrics) -> Answers:
    """Long answers that are kept, in the directory of the spool."""
    cut = metrics.counter("heartguard_gateway_cut_readers", "Clients cut off while they read an answer", ("why",))
    limits = AnswerLimits(disk=settings.answer_buffer_mb * _MIB)
    return Answers(settings.spool_dir, limits, count=lambda why: cut.labels(why).inc())


def _keep_pace(metrics: Metrics, answers: Answers) -> None:
    """Close connections that read too slowly, and update the gauges; runs in a background greenlet."""
    kept = metrics.gauge("heartguard_gateway_answer_bytes", "Long answers that are kept for readers", ("place",))
    while True:
        answers.sweep()
        kept.labels("memory").set(answers.memory.used)
        kept.labels("disk").set(answers.disk.used)
        gevent.sleep(_STATE_SECONDS)


def _keep_fresh(keys: KeySource) -> None:
    """Fetch the keys that auth publishes before a token needs them; the body of a background greenlet."""
    while isinstance(keys, PublishedKeys):
        gevent.sleep(keys.keep_fresh())


def _show_state(metrics: Metrics, services: Mapping[str, Upstream], bodies: BodySpool) -> None:
    """Update the gauges of pools and breakers every second; the body of a background greenlet."""
    connections = metrics.gauge("heartguard_gateway_upstream_connections", "Pooled", ("upstream", "state"))
    streams = metrics.gauge("heartguard_gateway_streams", "Slots of lanes that are taken", ("upstream",))
    spooled = metrics.gauge("heartguard_gateway_spooled_bytes", "Request bodies that are held", ("place",))
    breakers = metrics.gauge("heartguard_gateway_breaker_open", "Workers whose breaker is open", ("upstream",))
    while True:
        for name, service in services.items():
            state = service.state
            connections.labels(name, "busy").set(state["busy"])
            connections.labels(name, "idle").set(state["idle"])
            breakers.labels(name).set(state["open"])
            streams.labels(name).set(state["streams"])
        spooled.labels("memory").set(bodies.memory.used)
        spooled.labels("disk").set(bodies.disk.used)
        gevent.sleep(_STATE_SECONDS)


def make_authenticator(
    settings: Settings, keys: KeySource, clock: Clock, api_keys: ApiKeyCache | None = None
) -> Authenticator:
    """What authenticates callers; without `api_keys` only those with tokens."""
    verifier = TokenVerifier(keys, settings.jwt_issuer, settings.jwt_audience, clock)
    return Authenticator(verifier, settings.service_credentials, api_keys)

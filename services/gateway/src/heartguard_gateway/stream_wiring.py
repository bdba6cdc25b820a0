"""Builds what the gateway and the stream process have for live streams."""

from collections.abc import Callable
from typing import Any

import gevent

from heartguard_common.contract.contracts import Contracts
from heartguard_common.core.clock import Clock
from heartguard_common.core.lifecycle import Lifecycle
from heartguard_common.core.metrics import Metrics
from heartguard_common.stores.service_client import ServiceClient
from heartguard_gateway.audit_events.trail import StreamTrail
from heartguard_gateway.redis_client.connection import RedisConnection
from heartguard_gateway.server.client_connections import Client
from heartguard_gateway.settings import NAME, Settings
from heartguard_gateway.streams.cursors import Cursors
from heartguard_gateway.streams.feed import Feed
from heartguard_gateway.streams.frames import Rendering
from heartguard_gateway.streams.handover import SOCKET_NAME, Sender
from heartguard_gateway.streams.hub import EVENTS as STREAM_EVENTS
from heartguard_gateway.streams.hub import Hub
from heartguard_gateway.streams.listeners import Listeners
from heartguard_gateway.streams.source import Source


def give_away(settings: Settings) -> Callable[[Any, Client], bool]:
    """What the worker asks about each request: streams go to their process with their connection."""
    sender = Sender(settings.spool_dir / SOCKET_NAME)
    return lambda request, client: (
        sender.wants(request) and sender.give(request, client.socket, client.address, client.listener)
    )


def open_hub(
    settings: Settings,
    redis: RedisConnection,
    contracts: Contracts,
    trail: StreamTrail,
    clock: Clock,
    metrics: Metrics,
    lifecycle: Lifecycle,
) -> Hub:
    """The streams of the stream process, and the greenlets beside them."""
    events = metrics.counter("heartguard_stream_events", "Events sent, and what became of streams", ("what",))
    for what in STREAM_EVENTS:
        events.labels(what)  # starts at 0: a series that starts at 1 would show no increase
    cursors, rendering = Cursors(settings.service_secret), Rendering(contracts)
    listeners = Listeners(ServiceClient(settings.influx_url, NAME, settings.service_secret))

    def count(what: str, number: int) -> None:
        events.labels(what).inc(number)

    def open_feed(org_id: int, hub: Hub) -> Feed:
        source = Source(settings.redis_url, org_id, redis)
        return Feed(source, cursors, rendering, may_deliver=hub.may_deliver, count=count)

    hub = Hub(redis, listeners, rendering, trail, clock, open_feed=open_feed, count=count)
    metrics.live("heartguard_streams_open", "Live streams that are open", lambda: float(len(hub)))
    metrics.live("heartguard_stream_organizations", "Organizations with live streams", lambda: float(hub.organizations))
    for work in (hub.keep_time, hub.keep_listening, hub.check_revocations, hub.disclose_forever):
        lifecycle.on_close(gevent.spawn(work).kill)
    return hub

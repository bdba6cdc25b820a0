"""Builds the alarm service from its settings."""

from dataclasses import dataclass
from functools import partial
from typing import TypedDict

from flask import Flask

from heartguard_alarm.routes import ROUTES
from heartguard_alarm.settings import Settings
from heartguard_alarm.store.alarms import PostgresAlarms
from heartguard_alarm.store.apprise_sender import AppriseSender
from heartguard_alarm.store.channels import PostgresChannels
from heartguard_alarm.store.due_times import PostgresDueTimes
from heartguard_alarm.store.email_sender import AuthEmailSender
from heartguard_alarm.store.encryption import TargetCipher
from heartguard_alarm.store.episodes import PostgresEpisodes
from heartguard_alarm.store.escalations import PostgresEscalations
from heartguard_alarm.store.heartbeat import Heartbeat
from heartguard_alarm.store.live_alarms import LiveAlarms
from heartguard_alarm.store.messages import PostgresMessages
from heartguard_alarm.store.people import PostgresPeople
from heartguard_alarm.store.policies import PostgresPolicies
from heartguard_alarm.store.rules import PostgresRules
from heartguard_alarm.store.silences import PostgresSilences
from heartguard_alarm.store.texts import message_templates
from heartguard_alarm.store.timeseries import ServiceChanges
from heartguard_alarm.usecases import UseCases
from heartguard_alarm.usecases.alarms import AlarmUseCases
from heartguard_alarm.usecases.channels import ChannelUseCases
from heartguard_alarm.usecases.escalating import Escalating, NotificationStores
from heartguard_alarm.usecases.evaluating import Evaluating
from heartguard_alarm.usecases.no_data import NoDataEvaluation
from heartguard_alarm.usecases.personal_data import Notified, PersonalData
from heartguard_alarm.usecases.policies import PolicyUseCases
from heartguard_alarm.usecases.rehearsal import Rehearsal
from heartguard_alarm.usecases.rules import RuleUseCases
from heartguard_alarm.usecases.sending import QUEUE, Sending
from heartguard_alarm.usecases.silences import SilenceUseCases
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.background import BackgroundTask, FailureHandling
from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.core.errors import ServiceCallError
from heartguard_common.core.lifecycle import NotReadyError, Resource
from heartguard_common.core.limits import Limits
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.core.transactions import Transaction
from heartguard_common.http.web import make_app
from heartguard_common.identity.authority import Authority
from heartguard_common.jobs.dead_letters import ManagedQueue
from heartguard_common.runtime.bootstrap import Dependencies, make_web_dependencies, open_dependencies
from heartguard_common.stores.service_client import ServiceClient
from heartguard_common.streams.announcing import Announcer
from heartguard_common.streams.publish import Publisher

NAME = "alarm"
READ_SECONDS = 20.0
# Evaluation has to go on soon after an outage of the service that has the points.
WAIT_FOR_POINTS = FailureHandling(outages={ServiceCallError: RetryPolicy(None, 1.0, 5.0)})
WAIT_FOR_AUTH = FailureHandling(outages={ServiceCallError: RetryPolicy(None, 1.0, 10.0)})
WAIT_FOR_MONITOR = FailureHandling(outages={NotReadyError: RetryPolicy(None, 10.0, 60.0)})
LATE_SECONDS = 60.0
# A service that takes no message within its time-outs must not hold the others up.
SENDERS = 2


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The application of the alarm service; a thread of it evaluates the points that have changed."""
    dependencies = open_dependencies(NAME, settings, clock)
    client = ServiceClient(settings.timeseries_url, NAME, settings.service_secret, timeout_seconds=READ_SECONDS)
    stores = _open_stores(settings, dependencies, ServiceChanges(client))
    escalating = _escalating(dependencies, stores)
    work = _evaluation(dependencies, stores, escalating)
    if settings.heartbeat_url is not None:
        healthy = partial(_works, work, stores, dependencies.clock)
        heartbeat = Heartbeat(settings.heartbeat_url, healthy)
        dependencies.background.start("heartbeat", heartbeat.beat, failures=WAIT_FOR_MONITOR)
    waiting, oldest_seconds = stores.episodes.waiting, stores.episodes.behind_seconds
    queue = ManagedQueue(wake=work.wake, waiting=waiting, oldest_seconds=oldest_seconds)
    queues = {"changes": queue, **_notify(dependencies, stores, escalating, settings.public_url)}
    web = make_web_dependencies(NAME, settings, dependencies, queues=queues)
    app = make_app(web, ROUTES, _usecases(dependencies, stores))
    dependencies.lifecycle.open(Resource("evaluation", work.start, BackgroundTask.ping, BackgroundTask.close))
    return app


@dataclass(frozen=True)
class _Stores:
    """The stores of the service, the points, which the time-series service has, and what sends messages."""

    rules: PostgresRules
    episodes: PostgresEpisodes
    alarms: PostgresAlarms
    changes: ServiceChanges
    live: LiveAlarms
    notified: NotificationStores
    escalations: PostgresEscalations
    messages: PostgresMessages
    people: PostgresPeople
    emails: AuthEmailSender
    services: AppriseSender


def _open_stores(settings: Settings, dependencies: Dependencies, changes: ServiceChanges) -> _Stores:
    database, alarms = dependencies.database, PostgresAlarms(dependencies.database)
    escalations, messages = PostgresEscalations(database), PostgresMessages(database, dependencies.clock)
    announcer = Announcer(database, Publisher(dependencies.redis))
    auth = ServiceClient(settings.auth_url, NAME, settings.service_secret)
    return _Stores(
        rules=PostgresRules(database),
        episodes=PostgresEpisodes(database, dependencies.clock),
        alarms=alarms,
        changes=changes,
        live=LiveAlarms(database, announcer, alarms),
        notified=NotificationStores(
            PostgresChannels(database, TargetCipher(settings.channel_secret)),
            PostgresPolicies(database),
            PostgresSilences(database),
            escalations,
            messages,
            alarms,
        ),
        escalations=escalations,
        messages=messages,
        people=PostgresPeople(database),
        emails=AuthEmailSender(auth),
        services=AppriseSender(settings.hosts),
    )


def _usecases(dependencies: Dependencies, stores: _Stores) -> UseCases:
    authority, audit, clock = dependencies.authority, dependencies.audit, dependencies.clock
    transaction, notified = dependencies.database.transaction, stores.notified
    channels, policies, silences = notified.channels, notified.policies, notified.silences
    common = _Common(authority=authority, audit=audit, transaction=transaction)
    limited = _Limited(**common, limits=dependencies.limits, clock=clock)
    return UseCases(
        alarms=AlarmUseCases(stores.alarms, stores.changes, stores.messages, live=stores.live, **common, clock=clock),
        rules=RuleUseCases(stores.rules, policies, **limited),
        rehearsal=Rehearsal(stores.changes, audit, clock),
        personal_data=PersonalData(
            stores.rules,
            stores.episodes,
            stores.alarms,
            Notified(channels, policies, silences, stores.messages),
            live=stores.live,
            **common,
        ),
        channels=ChannelUseCases(
            channels,
            policies,
            stores.people,
            emails=stores.emails,
            services=stores.services,
            templates=message_templates(),
            **limited,
        ),
        policies=PolicyUseCases(policies, channels, **limited),
        silences=SilenceUseCases(silences, stores.escalations, stores.rules, stores.people, **limited),
    )


class _Common(TypedDict):
    """What all use cases that store something need."""

    authority: Authority
    audit: AuditTrail
    transaction: Transaction


class _Limited(_Common):
    """What those need that make something of which an organization has a limited number."""

    limits: Limits
    clock: Clock


def _escalating(dependencies: Dependencies, stores: _Stores) -> Escalating:
    return Escalating(
        stores.notified,
        live=stores.live,
        authority=dependencies.authority,
        limits=dependencies.limits,
        audit=dependencies.audit,
        transaction=dependencies.database.transaction,
        clock=dependencies.clock,
    )


def _notify(
    dependencies: Dependencies, stores: _Stores, escalating: Escalating, public_url: str
) -> dict[str, ManagedQueue]:
    """Start what makes and sends messages; returns the queues that the operator sees."""
    clock, messages, escalations = dependencies.clock, stores.messages, stores.escalations
    sending = Sending(
        stores.notified,
        stores.changes,
        emails=stores.emails,
        services=stores.services,
        templates=message_templates(),
        public_url=public_url,
        dead_letters=dependencies.dead_letters,
        audit=dependencies.audit,
        transaction=dependencies.database.transaction,
        clock=clock,
    )
    background = dependencies.background
    steps = background.start("escalation", escalating.step, kind="queue")
    sender = background.start("messages", sending.step, kind="queue", threads=SENDERS, failures=WAIT_FOR_AUTH)
    return {
        "escalations": ManagedQueue(
            wake=steps.wake,
            waiting=lambda: escalations.waiting(clock.now_ns()),
            oldest_seconds=lambda: escalations.behind_seconds(clock.now_ns()),
        ),
        QUEUE: ManagedQueue(
            retry=lambda dead_letter: messages.retry(dead_letter.item, clock.now_ns()),
            wake=sender.wake,
            waiting=messages.waiting,
            oldest_seconds=lambda: messages.oldest_seconds(clock.now_ns()),
        ),
    }


def _evaluation(dependencies: Dependencies, stores: _Stores, escalating: Escalating) -> BackgroundTask:
    no_data = NoDataEvaluation(
        stores.changes,
        stores.rules,
        stores.episodes,
        PostgresDueTimes(dependencies.database),
        authority=dependencies.authority,
        clock=dependencies.clock,
    )
    evaluating = Evaluating(
        stores.changes,
        stores.rules,
        stores.episodes,
        no_data,
        escalating,
        live=stores.live,
        authority=dependencies.authority,
        audit=dependencies.audit,
        transaction=dependencies.database.transaction,
        clock=dependencies.clock,
    )
    return dependencies.background.add("evaluation", evaluating.step, kind="queue", failures=WAIT_FOR_POINTS)


def _works(work: BackgroundTask, stores: _Stores, clock: Clock) -> bool:
    """Whether points are evaluated: the thread has just succeeded, and no change or step has waited for a minute."""
    status = work.status()
    succeeded_ns = status.last_success_ns or 0
    return (
        status.failures == 0
        and clock.now_ns() - succeeded_ns < LATE_SECONDS * NANOSECONDS
        and stores.episodes.behind_seconds() < LATE_SECONDS
        and stores.escalations.behind_seconds(clock.now_ns()) < LATE_SECONDS
    )

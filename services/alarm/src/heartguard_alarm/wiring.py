"""Builds the alarm service from its settings."""

from dataclasses import dataclass
from functools import partial

from flask import Flask

from heartguard_alarm.routes import ROUTES
from heartguard_alarm.settings import Settings
from heartguard_alarm.store.alarms import PostgresAlarms
from heartguard_alarm.store.due_times import PostgresDueTimes
from heartguard_alarm.store.episodes import PostgresEpisodes
from heartguard_alarm.store.heartbeat import Heartbeat
from heartguard_alarm.store.rules import PostgresRules
from heartguard_alarm.store.timeseries import ServiceChanges
from heartguard_alarm.usecases import UseCases
from heartguard_alarm.usecases.alarms import AlarmUseCases
from heartguard_alarm.usecases.evaluating import Evaluating
from heartguard_alarm.usecases.no_data import NoDataEvaluation
from heartguard_alarm.usecases.personal_data import PersonalData
from heartguard_alarm.usecases.rehearsal import Rehearsal
from heartguard_alarm.usecases.rules import RuleUseCases
from heartguard_common.core.background import BackgroundTask, FailureHandling
from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.core.errors import ServiceCallError
from heartguard_common.core.lifecycle import NotReadyError, Resource
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.http.web import make_app
from heartguard_common.jobs.dead_letters import ManagedQueue
from heartguard_common.runtime.bootstrap import Dependencies, make_web_dependencies, open_dependencies
from heartguard_common.stores.service_client import ServiceClient

NAME = "alarm"
READ_SECONDS = 20.0
# Evaluation has to go on soon after an outage of the service that has the points.
WAIT_FOR_POINTS = FailureHandling(outages={ServiceCallError: RetryPolicy(None, 1.0, 5.0)})
WAIT_FOR_MONITOR = FailureHandling(outages={NotReadyError: RetryPolicy(None, 10.0, 60.0)})
LATE_SECONDS = 60.0


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The application of the alarm service; a thread of it evaluates the points that have changed."""
    dependencies = open_dependencies(NAME, settings, clock)
    client = ServiceClient(settings.timeseries_url, NAME, settings.service_secret, timeout_seconds=READ_SECONDS)
    stores = _Stores(
        rules=PostgresRules(dependencies.database),
        episodes=PostgresEpisodes(dependencies.database, dependencies.clock),
        alarms=PostgresAlarms(dependencies.database),
        changes=ServiceChanges(client),
    )
    work = _evaluation(dependencies, stores)
    if settings.heartbeat_url is not None:
        healthy = partial(_works, work, stores.episodes, dependencies.clock)
        heartbeat = Heartbeat(settings.heartbeat_url, healthy)
        dependencies.background.start("heartbeat", heartbeat.beat, failures=WAIT_FOR_MONITOR)
    waiting, oldest_seconds = stores.episodes.waiting, stores.episodes.behind_seconds
    queue = ManagedQueue(wake=work.wake, waiting=waiting, oldest_seconds=oldest_seconds)
    web = make_web_dependencies(NAME, settings, dependencies, queues={"changes": queue})
    app = make_app(web, ROUTES, _usecases(dependencies, stores))
    dependencies.lifecycle.open(Resource("evaluation", work.start, BackgroundTask.ping, BackgroundTask.close))
    return app


@dataclass(frozen=True)
class _Stores:
    """The stores of the service, and the points, which the time-series service has."""

    rules: PostgresRules
    episodes: PostgresEpisodes
    alarms: PostgresAlarms
    changes: ServiceChanges


def _usecases(dependencies: Dependencies, stores: _Stores) -> UseCases:
    authority, audit, clock = dependencies.authority, dependencies.audit, dependencies.clock
    transaction = dependencies.database.transaction
    return UseCases(
        alarms=AlarmUseCases(
            stores.alarms, stores.changes, authority=authority, audit=audit, transaction=transaction, clock=clock
        ),
        rules=RuleUseCases(
            stores.rules,
            authority=authority,
            limits=dependencies.limits,
            audit=audit,
            transaction=transaction,
            clock=clock,
        ),
        rehearsal=Rehearsal(stores.changes, audit, clock),
        personal_data=PersonalData(
            stores.rules, stores.episodes, stores.alarms, authority=authority, audit=audit, transaction=transaction
        ),
    )


def _evaluation(dependencies: Dependencies, stores: _Stores) -> BackgroundTask:
    no_data = NoDataEvaluation(
        stores.changes,
        stores.rules,
        stores.episodes,
        PostgresDueTimes(dependencies.database),
        authority=dependencies.authority,
        transaction=dependencies.database.transaction,
        clock=dependencies.clock,
    )
    evaluating = Evaluating(
        stores.changes,
        stores.rules,
        stores.episodes,
        no_data,
        authority=dependencies.authority,
        audit=dependencies.audit,
        transaction=dependencies.database.transaction,
        clock=dependencies.clock,
    )
    return dependencies.background.add("evaluation", evaluating.step, kind="queue", failures=WAIT_FOR_POINTS)


def _works(work: BackgroundTask, episodes: PostgresEpisodes, clock: Clock) -> bool:
    """Whether points are evaluated: the thread has just succeeded, and no change has waited for a minute."""
    status = work.status()
    succeeded_ns = status.last_success_ns or 0
    return (
        status.failures == 0
        and clock.now_ns() - succeeded_ns < LATE_SECONDS * NANOSECONDS
        and episodes.behind_seconds() < LATE_SECONDS
    )

"""Builds the alarm service from its settings."""

from flask import Flask

from heartguard_alarm.routes import ROUTES
from heartguard_alarm.settings import Settings
from heartguard_alarm.store.alarms import PostgresAlarms
from heartguard_alarm.store.episodes import PostgresEpisodes
from heartguard_alarm.store.rules import PostgresRules
from heartguard_alarm.store.timeseries import ServiceChanges
from heartguard_alarm.usecases import UseCases
from heartguard_alarm.usecases.alarms import AlarmUseCases
from heartguard_alarm.usecases.evaluating import Evaluating
from heartguard_alarm.usecases.personal_data import PersonalData
from heartguard_alarm.usecases.rules import RuleUseCases
from heartguard_common.core.background import FailureHandling
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import ServiceCallError
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.http.web import make_app
from heartguard_common.jobs.dead_letters import ManagedQueue
from heartguard_common.runtime.bootstrap import make_web_dependencies, open_dependencies
from heartguard_common.stores.service_client import ServiceClient

NAME = "alarm"
READ_SECONDS = 20.0
# Evaluation has to go on soon after an outage of the service that has the points.
WAIT_FOR_POINTS = FailureHandling(outages={ServiceCallError: RetryPolicy(None, 1.0, 5.0)})


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The application of the alarm service; a thread of it evaluates the points that have changed."""
    dependencies = open_dependencies(NAME, settings, clock)
    rules = PostgresRules(dependencies.database)
    episodes = PostgresEpisodes(dependencies.database, dependencies.clock)
    client = ServiceClient(settings.timeseries_url, NAME, settings.service_secret, timeout_seconds=READ_SECONDS)
    changes, alarms = ServiceChanges(client), PostgresAlarms(dependencies.database)
    evaluating = Evaluating(
        changes,
        rules,
        episodes,
        authority=dependencies.authority,
        audit=dependencies.audit,
        transaction=dependencies.database.transaction,
        clock=dependencies.clock,
    )
    work = dependencies.background.start("evaluation", evaluating.step, kind="queue", failures=WAIT_FOR_POINTS)
    usecases = UseCases(
        alarms=AlarmUseCases(
            alarms,
            changes,
            authority=dependencies.authority,
            audit=dependencies.audit,
            transaction=dependencies.database.transaction,
            clock=dependencies.clock,
        ),
        rules=RuleUseCases(
            rules,
            authority=dependencies.authority,
            limits=dependencies.limits,
            audit=dependencies.audit,
            transaction=dependencies.database.transaction,
            clock=dependencies.clock,
        ),
        personal_data=PersonalData(
            rules,
            episodes,
            alarms,
            authority=dependencies.authority,
            audit=dependencies.audit,
            transaction=dependencies.database.transaction,
        ),
    )
    queue = ManagedQueue(wake=work.wake, waiting=episodes.waiting, oldest_seconds=episodes.behind_seconds)
    web = make_web_dependencies(NAME, settings, dependencies, queues={"changes": queue})
    return make_app(web, ROUTES, usecases)

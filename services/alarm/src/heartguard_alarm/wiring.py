"""Builds the alarm service from its settings."""

from flask import Flask

from heartguard_alarm.routes import ROUTES
from heartguard_alarm.settings import Settings
from heartguard_alarm.store.rules import PostgresRules
from heartguard_alarm.usecases import UseCases
from heartguard_alarm.usecases.personal_data import PersonalData
from heartguard_alarm.usecases.rules import RuleUseCases
from heartguard_common.core.clock import Clock
from heartguard_common.http.web import make_app
from heartguard_common.runtime.bootstrap import make_web_dependencies, open_dependencies

NAME = "alarm"


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The application of the alarm service."""
    dependencies = open_dependencies(NAME, settings, clock)
    rules = PostgresRules(dependencies.database)
    transaction = dependencies.database.transaction
    usecases = UseCases(
        rules=RuleUseCases(
            rules,
            authority=dependencies.authority,
            limits=dependencies.limits,
            audit=dependencies.audit,
            transaction=transaction,
            clock=dependencies.clock,
        ),
        personal_data=PersonalData(
            rules, authority=dependencies.authority, audit=dependencies.audit, transaction=transaction
        ),
    )
    return make_app(make_web_dependencies(NAME, settings, dependencies), ROUTES, usecases)

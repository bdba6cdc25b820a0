"""Where the user service is put together."""

from flask import Flask

from heartguard_common.clock import Clock
from heartguard_common.edge import make_edge, open_parts
from heartguard_common.web import make_app
from heartguard_user.routes import ROUTES
from heartguard_user.settings import Settings
from heartguard_user.store import PostgresUsers
from heartguard_user.usecases import UserUseCases

NAME = "user"
PREFIX = "/users"


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The user service."""
    parts = open_parts(NAME, settings, clock)
    users = UserUseCases(PostgresUsers(parts.database), parts.audit)
    return make_app(make_edge(NAME, settings, parts, prefix=PREFIX), ROUTES, users)

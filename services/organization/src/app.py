"""Gunicorn's door to the organization service."""

from heartguard_organization.settings import Settings
from heartguard_organization.wiring import create_app

app = create_app(Settings.from_env())

"""The WSGI application of the organization service, for gunicorn."""

from heartguard_organization.settings import Settings
from heartguard_organization.wiring import create_app

app = create_app(Settings.from_env())

"""The WSGI application, for gunicorn."""

from heartguard_gateway.settings import Settings
from heartguard_gateway.wiring import create_app

app = create_app(Settings.from_env())

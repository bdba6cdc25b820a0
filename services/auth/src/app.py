"""The WSGI application, for gunicorn."""

from heartguard_auth.settings import Settings
from heartguard_auth.wiring import create_app

app = create_app(Settings.from_env())

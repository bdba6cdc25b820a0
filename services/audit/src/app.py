"""The WSGI application, for gunicorn."""

from heartguard_audit.settings import Settings
from heartguard_audit.wiring import create_app

app = create_app(Settings.from_env())

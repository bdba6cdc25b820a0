"""The WSGI application of the time-series service, for gunicorn."""

from heartguard_influx.settings import Settings
from heartguard_influx.wiring import create_app

app = create_app(Settings.from_env())

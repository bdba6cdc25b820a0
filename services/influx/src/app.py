"""Gunicorn's door to the time-series service."""

from heartguard_influx.settings import Settings
from heartguard_influx.wiring import create_app

app = create_app(Settings.from_env())

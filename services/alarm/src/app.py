"""The WSGI application of the alarm service, for gunicorn."""

from heartguard_alarm.settings import Settings
from heartguard_alarm.wiring import create_app

app = create_app(Settings.from_env())

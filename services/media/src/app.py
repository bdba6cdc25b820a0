"""The WSGI application, for gunicorn."""

from heartguard_media.settings import Settings
from heartguard_media.wiring import create_app

app = create_app(Settings.from_env())

"""The WSGI application of the user service, for gunicorn."""

from heartguard_user.settings import Settings
from heartguard_user.wiring import create_app

app = create_app(Settings.from_env())

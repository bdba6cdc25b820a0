"""A process that registers people until it is killed."""

import threading
from itertools import count
from multiprocessing.connection import Connection

from heartguard_auth.settings import Settings
from heartguard_auth.wiring import create_app
from tests.people import LIGHT

THREADS = 3


def register_for_ever(environ: dict[str, str], name: str, results: Connection) -> None:
    """Found organizations in several threads, and print each address whose registration was answered."""
    app, lock = create_app(Settings.from_env(environ), hasher=LIGHT), threading.Lock()

    def run(thread: int) -> None:
        client = app.test_client()
        for number in count():
            email = f"{name}.{thread}.{number}@race.example"
            answer = client.post("/auth/register", json={"email": email, "password": "a long enough password"})
            with lock:
                results.send(email if answer.status_code == 201 else "")

    for thread in range(THREADS):
        threading.Thread(target=run, args=(thread,), daemon=True).start()
    threading.Event().wait()

"""Sessions: tokens are exchanged once, whoever shares them."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from heartguard_client import Client, LoginNeededError, Password, SavedSession
from tests.python_client.conftest import PASSWORD

LATER = 30 * 24 * 3600.0
"""Seconds; access tokens have ended by then, so that each request exchanges them."""


def test_a_saved_session_is_shared_by_processes(person, tmp_path):
    path = tmp_path / "session.json"
    with Client(person.url) as anonymous:
        SavedSession(path).save(person.url, anonymous.log_in(person.email, PASSWORD))
    assert path.stat().st_mode & 0o777 == 0o600
    before = SavedSession(path).tokens()

    def work(_: int) -> int:
        # Each has a lock of its own in memory, as processes have; only the file's lock is common.
        with Client(person.url, SavedSession(path, clock=lambda: time.time() + LATER)) as client:
            return client.me()["id"]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(12))) == [person.id] * 12
    assert SavedSession(path).tokens().refresh != before.refresh


def test_threads_share_one_exchange(person):
    exchanged = []

    class Counting(Password):
        def _renewed(self, tokens, post):
            exchanged.append(tokens)
            return super()._renewed(tokens, post)

    with Client(person.url, Counting(person.email, PASSWORD)) as client, ThreadPoolExecutor(6) as pool:
        assert set(pool.map(lambda _: client.me()["id"], range(12))) == {person.id}
    assert exchanged == [None]


def test_after_the_end_of_a_session_a_password_logs_in_and_a_saved_session_says_so(person, tmp_path):
    with person.client() as client:
        client.log_out()
        assert client.me()["id"] == person.id
    saved = SavedSession(tmp_path / "session.json")
    with Client(person.url) as anonymous:
        saved.save(person.url, anonymous.log_in(person.email, PASSWORD))
    with Client(person.url, saved) as client:
        client.log_out()
        with pytest.raises(LoginNeededError, match="has ended"):
            client.me()


def test_without_a_session_a_login_is_asked_for(tmp_path):
    with pytest.raises(LoginNeededError, match="no session"):
        _ = SavedSession(tmp_path / "none.json").server
    damaged = tmp_path / "damaged.json"
    damaged.write_text('{"server": "http://x", "acc')
    with pytest.raises(LoginNeededError, match="damaged"):
        SavedSession(damaged).tokens()

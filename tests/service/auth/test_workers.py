"""Two workers of auth share their state, and it survives a restart: real processes, real servers."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.service.gateway.stack import GunicornProcess
from tests.tokens import forwarded_for, settings_environ

HERE = forwarded_for("192.0.2.1")
FOUNDER = {"email": "user@hg.io", "password": "Secret123"}


@pytest.fixture
def auth(database, redis_url, tmp_path):
    environ = settings_environ("auth", database, redis_url, JWT_SECRET="", SPOOL_DIR=str(tmp_path / "spool"))
    return GunicornProcess(environ, tmp_path / "auth.log", workers=2, service="auth")


def post(auth, path, document, headers=HERE):
    headers = {"Content-Type": "application/json", **headers}
    return auth.ask("POST", f"/auth/{path}", headers, json.dumps(document).encode())


def refresh(auth, token):
    return post(auth, "refresh", {"refresh_token": token})


def test_twenty_parallel_refreshes_over_two_workers_give_one_pair_also_after_a_restart(auth):
    with auth.running():
        post(auth, "register", FOUNDER)
        first = post(auth, "login", FOUNDER).json["refresh_token"]
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: refresh(auth, first), range(20)))
        assert {answer.status for answer in answers} == {200}
        assert len({answer.json["refresh_token"] for answer in answers}) == 1
        second = answers[0].json["refresh_token"]
    with auth.running():
        assert refresh(auth, first).json["refresh_token"] == second  # the stored answer outlives the processes
        third = refresh(auth, second).json["refresh_token"]
        replayed = refresh(auth, first)
        assert (replayed.status, replayed.json["error"]["code"]) == (401, "AUTH_003")
        assert {refresh(auth, token).status for token in (first, second, third)} == {401}


def test_a_lock_counts_in_both_workers_and_survives_a_restart(auth):
    wrong = {**FOUNDER, "password": "wrong-password"}
    with auth.running():
        post(auth, "register", FOUNDER)
        with ThreadPoolExecutor(10) as pool:
            codes = sorted(answer.status for answer in pool.map(lambda _: post(auth, "login", wrong), range(15)))
        assert codes == [401] * 5 + [429] * 10
    with auth.running():
        assert post(auth, "login", FOUNDER).status == 429
        assert post(auth, "login", FOUNDER, forwarded_for("192.0.2.2")).status == 200

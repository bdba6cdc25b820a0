"""A stolen refresh token: once its replay is noticed, no token of the session is valid.

HEARTGUARD_REPLAY_ROUNDS says how often it is played; 1,000 take about two minutes.
"""

import os
import random

from tests.service.auth.conftest import log_in

ROUNDS = int(os.environ.get("HEARTGUARD_REPLAY_ROUNDS", "20"))


def test_after_a_replay_the_newest_token_never_works(client, founder, clock):
    chance = random.Random(20260501)
    for _ in range(ROUNDS):
        tokens = [log_in(client, "user@hg.io").json["refresh_token"]]
        for _ in range(3):
            clock.forward(chance.uniform(0, 3))
            answer = client.post("/auth/refresh", json={"refresh_token": tokens[-1]})
            assert answer.status_code == 200
            tokens.append(answer.json["refresh_token"])
        newest = answer.json
        assert client.post("/auth/refresh", json={"refresh_token": tokens[0]}).status_code == 401
        clock.forward(chance.uniform(0, 1))
        assert client.post("/auth/refresh", json={"refresh_token": tokens[-1]}).status_code == 401
        headers = {"Authorization": f"Bearer {newest['access_token']}"}
        assert client.get("/auth/profile", headers=headers).status_code == 401

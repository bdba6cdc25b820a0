"""A remembered token is as good as a verified one, for five minutes and not past its end; an invalid one never is."""

import pytest

from heartguard_common.core.errors import INVALID_TOKEN, ServiceError
from heartguard_common.identity.authentication import SharedSecrets, TokenVerifier
from heartguard_common.identity.remembered_tokens import RememberedTokens
from tests.clocks import MovableClock
from tests.tokens import AUDIENCE, ISSUER, JWT_SECRET, token_for


class Counting:
    """The real verifier, with a count of the tokens that it was asked about."""

    def __init__(self, clock: MovableClock) -> None:
        self._verifier = TokenVerifier(SharedSecrets(JWT_SECRET), ISSUER, AUDIENCE, clock)
        self.asked = 0

    def verify(self, token: str):
        self.asked += 1
        return self._verifier.verify(token)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def verifier(clock: MovableClock) -> Counting:
    return Counting(clock)


def issued(clock: MovableClock, user_id: int, lifetime: int) -> str:
    now = clock.now_ns() // 10**9
    return token_for(user_id, "user", 3, iat=now, exp=now + lifetime)


def test_a_signature_is_verified_once_in_five_minutes(clock: MovableClock, verifier: Counting) -> None:
    tokens, token = RememberedTokens(verifier, clock), issued(clock, 12, 3600)
    assert [tokens.verify(token).user_id for _ in range(3)] == [12] * 3
    assert verifier.asked == 1
    clock.forward(301)
    assert tokens.verify(token).user_id == 12
    assert verifier.asked == 2


def test_a_token_is_not_remembered_past_its_end(clock: MovableClock, verifier: Counting) -> None:
    tokens, token = RememberedTokens(verifier, clock), issued(clock, 12, 60)
    tokens.verify(token)
    clock.forward(60)
    with pytest.raises(ServiceError) as caught:
        tokens.verify(token)
    assert caught.value.error_code is INVALID_TOKEN


def test_a_changed_token_is_another_one(clock: MovableClock, verifier: Counting) -> None:
    tokens, token = RememberedTokens(verifier, clock), issued(clock, 12, 60)
    tokens.verify(token)
    for forged in (token[:-4] + "AAAA", token + "A", token.upper()):
        with pytest.raises(ServiceError):
            tokens.verify(forged)


def test_few_are_kept(clock: MovableClock, verifier: Counting) -> None:
    tokens = RememberedTokens(verifier, clock, size=8)
    for user_id in range(1, 30):
        tokens.verify(issued(clock, user_id, 60))
    assert verifier.asked == 29
    assert len(tokens._known) <= 8

"""A token is verified once, and never counts past its end."""

import base64
import hashlib

import pytest

from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.authentication import Authenticator, Principal, SharedSecrets, TokenVerifier
from heartguard_gateway.callers import CachedCallers
from tests.clocks import MovableClock
from tests.tokens import JWT_SECRET, token_for


class Counting(TokenVerifier):
    def __init__(self, clock: MovableClock) -> None:
        super().__init__(SharedSecrets(JWT_SECRET), "heartguard", "heartguard", clock)
        self.verified = 0

    def verify(self, token: str) -> Principal:
        self.verified += 1
        return super().verify(token)


def header(clock: MovableClock, user_id: int = 12) -> str:
    now = clock.now_ns() // 1_000_000_000
    return "Bearer " + token_for(user_id, "user", 3, iat=now, exp=now + 60)


def stack(size: int = 10) -> tuple[MovableClock, Counting, CachedCallers]:
    clock = MovableClock()
    verifier = Counting(clock)
    return clock, verifier, CachedCallers(Authenticator(verifier, {}), clock, size)


def test_a_signature_is_checked_once() -> None:
    clock, verifier, callers = stack()
    token = header(clock)
    found = {callers.identify(token) for _ in range(5)}
    assert verifier.verified == 1
    assert [principal.user_id for principal in found if principal] == [12]


def test_a_remembered_token_is_valid_to_its_last_second_only() -> None:
    clock, _, callers = stack()
    token = header(clock)
    callers.identify(token)
    clock.forward(59)
    assert callers.identify(token) is not None
    clock.forward(1)
    with pytest.raises(ServiceError) as caught:
        callers.identify(token)
    assert caught.value.row.code == "GEN_401_TOKEN"


def test_bad_tokens_are_not_remembered() -> None:
    _, verifier, callers = stack()
    for _ in range(3):
        with pytest.raises(ServiceError):
            callers.identify("Bearer a.b.c")
    assert verifier.verified == 3


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    clock, verifier, callers = stack(size=2)
    tokens = [header(clock, user) for user in (1, 2, 3)]
    for token in tokens:
        callers.identify(token)
    callers.identify(tokens[2])
    assert verifier.verified == 3
    callers.identify(tokens[0])
    assert verifier.verified == 4


@pytest.mark.parametrize("secret", ["right-secret", "wrong-secret"])
def test_credentials_of_services_are_refused_whether_they_are_right_or_not(secret: str) -> None:
    clock = MovableClock()
    known = {"media": hashlib.sha256(b"right-secret").hexdigest()}
    callers = CachedCallers(Authenticator(Counting(clock), known), clock, 10)
    pair = base64.b64encode(f"media:{secret}".encode()).decode()
    for scheme in ("Basic", "bAsIc", " Basic"):
        with pytest.raises(ServiceError) as caught:
            callers.identify(f"{scheme} {pair}")
        assert (caught.value.row.code, caught.value.row.status) == ("GW_020", 401)


def test_no_header_is_nobody() -> None:
    assert stack()[2].identify(None) is None

"""A token is asked about again after the body of its request, and while a stream comes in."""

import io

import pytest

from heartguard_common.core.errors import INVALID_TOKEN, ServiceError
from heartguard_common.http.recheck import ActiveCheck, CheckedReader
from heartguard_common.identity.authentication import Principal

PERSON = Principal("person", "user", user_id=1, org_id=1)


class Revocations:
    """Counts questions; `revoked` from some moment on."""

    def __init__(self) -> None:
        self.asked: list[tuple[Principal, str]] = []
        self.revoked = False

    def require_active(self, principal: Principal, token: str) -> None:
        self.asked.append((principal, token))
        if self.revoked:
            raise ServiceError(INVALID_TOKEN)


@pytest.mark.parametrize(
    ("principal", "believed", "asked"),
    [(PERSON, 0, 1), (PERSON, 60, 0), (None, 0, 0), (Principal("operator", "operator"), 0, 0)],
)
def test_an_old_answer_is_checked_again(principal: Principal | None, believed: float, asked: int) -> None:
    revocations = Revocations()
    ActiveCheck(revocations, principal, "token", believed).require()
    assert revocations.asked == [(PERSON, "token")] * asked


def test_a_stream_ends_when_its_token_is_revoked() -> None:
    revocations = Revocations()
    stream = CheckedReader(io.BytesIO(b"beats"), ActiveCheck(revocations, PERSON, "token", 0))
    assert stream.read(3) == b"bea"
    revocations.revoked = True
    with pytest.raises(ServiceError) as raised:
        stream.read(3)
    assert raised.value.row is INVALID_TOKEN


def test_the_end_of_a_stream_is_checked_too() -> None:
    revocations = Revocations()
    stream = CheckedReader(io.BytesIO(b""), ActiveCheck(revocations, PERSON, "token", 0))
    assert stream.read(3) == b""
    assert len(revocations.asked) == 1

"""A token is asked about again after the body of its request, and while a stream comes in."""

import io

import pytest

from heartguard_common.core.errors import INVALID_TOKEN, SUSPENDED, ServiceError
from heartguard_common.http.revocation_recheck import RevocationCheckedReader, RevocationRecheck
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import Mode

PERSON = Principal("person", "user", user_id=1, org_id=1)


class Revocations:
    """Counts questions; `revoked` from some moment on."""

    def __init__(self) -> None:
        self.asked: list[tuple[Principal, str]] = []
        self.revoked = False
        self.mode: Mode = "active"

    def require_active(self, principal: Principal, token: str) -> Mode:
        self.asked.append((principal, token))
        if self.revoked:
            raise ServiceError(INVALID_TOKEN)
        return self.mode


@pytest.mark.parametrize(
    ("principal", "believed", "asked"),
    [(PERSON, 0, 1), (PERSON, 60, 0), (None, 0, 0), (Principal("operator", "operator"), 0, 0)],
)
def test_an_old_answer_is_checked_again(principal: Principal | None, believed: float, asked: int) -> None:
    revocations = Revocations()
    RevocationRecheck(revocations, principal, "token", believed).require_active()
    assert revocations.asked == [(PERSON, "token")] * asked


def test_a_stream_ends_when_its_token_is_revoked() -> None:
    revocations = Revocations()
    stream = RevocationCheckedReader(io.BytesIO(b"beats"), RevocationRecheck(revocations, PERSON, "token", 0))
    assert stream.read(3) == b"bea"
    revocations.revoked = True
    with pytest.raises(ServiceError) as raised:
        stream.read(3)
    assert raised.value.error_code is INVALID_TOKEN


def test_the_end_of_a_stream_is_checked_too() -> None:
    revocations = Revocations()
    stream = RevocationCheckedReader(io.BytesIO(b""), RevocationRecheck(revocations, PERSON, "token", 0))
    assert stream.read(3) == b""
    assert len(revocations.asked) == 1


def test_a_stream_ends_when_the_mode_forbids_its_route() -> None:
    revocations = Revocations()
    recheck = RevocationRecheck(revocations, PERSON, "token", 0, open_in={"read_only"})
    stream = RevocationCheckedReader(io.BytesIO(b"beats"), recheck)
    revocations.mode = "read_only"
    assert stream.read(3) == b"bea"
    revocations.mode = "suspended"
    with pytest.raises(ServiceError) as raised:
        stream.read(3)
    assert raised.value.error_code is SUSPENDED

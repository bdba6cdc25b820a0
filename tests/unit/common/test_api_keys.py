"""API keys: their form, what verifiers remember of them, and for how long."""

import base64
from typing import Any

import pytest

from heartguard_common.core.errors import ServiceCallError, ServiceError
from heartguard_common.core.logs import redact
from heartguard_common.core.trace import accept_request_id
from heartguard_common.identity.api_key import ApiKey, checksum, key_of, new_secret, read_networks, without_credentials
from heartguard_common.identity.api_key_cache import LIFE_SECONDS, UNCONFIRMED_SECONDS, ApiKeyCache, KeyedRevocations
from heartguard_common.identity.api_key_uses import ApiKeyUseLog
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.revocation import CallerState, Verdict
from heartguard_common.messages import Mode
from tests.clocks import MovableClock

GOOD = "hg_dev_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"
KEY_ID = "0192f3a1-7c4e-7d2b-9a61-5b1e0c9d3f10"


class Auth:
    """What auth says, and how often it was asked; time that moves by hand."""

    def __init__(self) -> None:
        self.clock = MovableClock()
        self.monotonic = 1000.0
        self.asked = 0
        self.away = False
        self.active = True
        self.version = "v1"
        self.role = "manager"
        self.scopes = ["points_read", "points_write"]
        self.verdict = Verdict.ACTIVE
        self.mode: Mode = "active"
        self.introspected_mode: Mode = "active"
        self.cache = ApiKeyCache(self.look_up, self.clock, lambda: self.monotonic, size=2)
        self.revocations = KeyedRevocations(self.cache, lambda _: CallerState(self.verdict, self.mode))

    def forward(self, seconds: float) -> None:
        self.clock.forward(seconds)
        self.monotonic += seconds

    def look_up(self, _: str) -> Any:
        self.asked += 1
        if self.away:
            raise ServiceCallError
        if not self.active:
            return {"active": False}
        now = self.clock.now_ns() // 10**9
        key = {"kind": "integration", "version": self.version, "scopes": self.scopes, "buckets": [], "networks": []}
        claims = {"sub": "12", "role": self.role, "org_id": 3, "exp": now + 10**6, "iat": now, "jti": KEY_ID}
        return {"active": True, **claims, "mode": self.introspected_mode, "api_key": key}


def refusal(call: Any, *args: Any) -> str:
    with pytest.raises(ServiceError) as caught:
        call(*args)
    return caught.value.error_code.code


def test_a_key_has_the_documented_form() -> None:
    assert checksum("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ") == "0mLq17"
    assert key_of(f"Bearer {GOOD}") == GOOD
    made = {new_secret("device") for _ in range(100)}
    assert len(made) == 100
    assert all(key_of(f"bearer  {secret}") == secret for secret in made)
    assert key_of("Bearer a.b.c") is None
    assert key_of(None) is None
    assert (key_of(f"Token {GOOD}"), key_of(f"Token {GOOD}", "influxdb")) == (None, GOOD)
    basic = base64.b64encode(f"anyone:{GOOD}".encode()).decode()
    assert [key_of(f"Basic {basic}", dialect) for dialect in (None, "influxdb", "influxdb_1")] == [None, None, GOOD]
    assert [key_of(f"Basic {text}", "influxdb_1") for text in ("", "%", "/w==", "YTpi")] == [None] * 4
    for bad in (GOOD[:-1], GOOD + "0", GOOD[:-1] + "8", "hg_dev_", GOOD.replace("z", "ż")):
        assert refusal(key_of, f"Bearer {bad}") == "GEN_401_TOKEN"


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("", ("", None)),
        ("db=org_1&u=me&p=a%2Bb+c&precision=s", ("db=org_1&precision=s", "a+b c")),
        ("p=one&db=x&%70=two", ("db=x", "one")),
        ("db=p&up=1", ("db=p&up=1", None)),
        ("p", ("", "")),
    ],
)
def test_credentials_are_taken_out_of_a_query(query: str, left: tuple[str, str | None]) -> None:
    assert without_credentials(query) == left


def test_a_key_is_looked_up_once_in_its_life() -> None:
    auth = Auth()
    for _ in range(10):
        principal = auth.revocations.find(GOOD)
        auth.forward(LIFE_SECONDS / 10)
    assert (auth.asked, principal.actor, principal.org_id) == (1, f"api_key:{KEY_ID}", 3)
    auth.forward(1)
    auth.revocations.find(GOOD)
    assert auth.asked == 2


def test_a_revoked_version_is_looked_up_again() -> None:
    auth = Auth()
    auth.revocations.find(GOOD)
    auth.verdict, auth.version, auth.role = Verdict.REVOKED, "v2", "user"
    assert auth.revocations.find(GOOD).role == "user"
    auth.active = False
    assert refusal(auth.revocations.find, GOOD) == "GEN_401_TOKEN"
    auth.active, auth.verdict = True, Verdict.ACTIVE
    auth.revocations.find(GOOD)
    assert auth.asked == 4  # an inactive key is not remembered


def test_without_a_trusted_copy_a_look_up_counts_for_a_second() -> None:
    auth = Auth()
    auth.verdict = Verdict.UNKNOWN
    auth.revocations.find(GOOD)
    auth.forward(UNCONFIRMED_SECONDS - 0.1)
    auth.active = False
    auth.revocations.find(GOOD)
    assert auth.asked == 1
    auth.forward(0.2)
    assert refusal(auth.revocations.find, GOOD) == "GEN_401_TOKEN"
    auth.away = True
    assert refusal(auth.revocations.find, GOOD) == "GEN_503"


def test_the_mode_is_that_of_the_copy_or_else_of_the_look_up() -> None:
    auth = Auth()
    assert auth.revocations.find(GOOD).mode == "active"
    auth.mode = "read_only"
    assert auth.revocations.require_active(auth.revocations.find(GOOD), GOOD) == "read_only"
    auth.mode = "active"
    assert (auth.revocations.find(GOOD).mode, auth.asked) == ("active", 1)
    auth.verdict, auth.introspected_mode = Verdict.UNKNOWN, "suspended"
    auth.forward(UNCONFIRMED_SECONDS + 0.1)
    assert (auth.revocations.find(GOOD).mode, auth.asked) == ("suspended", 2)


def test_a_key_is_never_remembered_beyond_its_expiry_and_the_oldest_is_forgotten() -> None:
    auth = Auth()
    auth.cache.find(GOOD)
    assert auth.cache.remembered(GOOD)
    auth.clock.forward(10**6)
    assert auth.cache.remembered(GOOD) is None
    for name in ("one", "two", "three"):
        auth.cache.look_up(name)
    assert [bool(auth.cache.remembered(name)) for name in ("one", "two", "three")] == [False, True, True]


def test_while_a_body_arrives_a_key_must_keep_what_it_permits() -> None:
    auth = Auth()
    principal = auth.revocations.find(GOOD)
    auth.verdict, auth.version = Verdict.REVOKED, "v2"
    auth.revocations.require_active(principal, GOOD)  # a rotation
    auth.scopes = ["points_read"]
    assert refusal(auth.revocations.require_active, principal, GOOD) == "GEN_401_TOKEN"


def test_fewer_networks_or_buckets_permit_less() -> None:
    def key(*buckets: str, networks: tuple[str, ...] = ()) -> ApiKey:
        return ApiKey("1", "device", "v", "user", buckets=frozenset(buckets), networks=read_networks(networks))

    assert key().covers(key("a"))
    assert key("a", "b").covers(key("a"))
    assert not key("a").covers(key())
    assert not key("a").covers(key("a", "b"))
    assert not key(networks=("10.0.0.0/8",)).covers(key())
    inner = key(networks=("10.0.0.0/8", "2001:db8::/32"))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"):
        inner.require_network(address)
    for address in ("11.1.2.3", "2001:db9::1", "", "nowhere"):
        assert refusal(inner.require_network, address) == "GEN_403"


def test_uses_are_kept_until_auth_has_them() -> None:
    sent: list[Any] = []
    away = [True]

    def send(uses: Any) -> None:
        if away[0]:
            raise ServiceCallError
        sent.extend(uses)

    clock = MovableClock()
    uses = ApiKeyUseLog(send, clock)
    key = ApiKey(KEY_ID, "device", "v", "user")
    principal = Principal("person", "user", user_id=12, org_id=3, api_key=key)
    uses.record(Principal("person", "user", user_id=12, org_id=3), "192.0.2.1")
    for address in ("192.0.2.1", "192.0.2.2"):
        uses.record(principal, address)
    uses.flush()
    away[0] = False
    uses.flush()
    uses.flush()
    assert [(use["id"], use["address"], use["minute"][-4:]) for use in sent] == [(KEY_ID, "192.0.2.2", ":00Z")]


def test_a_key_is_no_request_id() -> None:
    assert accept_request_id("my-request") == "my-request"
    assert "zQWB" not in accept_request_id(GOOD)


def test_a_key_is_redacted_in_logs() -> None:
    for text in (f"odd key {GOOD}", f"/timeseries/{GOOD}", f"x-api-key={GOOD[:20]}"):
        assert "zQWBuTSO" not in redact(text)

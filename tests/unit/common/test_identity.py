"""Forged, foreign and expired credentials are refused (RFC 7519, RFC 8725)."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from heartguard_common.identity.authentication import (
    Authenticator,
    Principal,
    PublishedKeys,
    SharedSecrets,
    TokenVerifier,
    bearer_token,
    read_key_set,
    secret_id,
)
from tests.clocks import MovableClock
from tests.unit.common.published import public_jwk, refused

SECRET = "kq8Zt1vXw4Rm7Bc0Ny5Hd2Lf9Gs3Pj6Ua"
PREVIOUS = "Zt1vXw4Rm7Bc0Ny5Hd2Lf9Gs3Pj6Uakq8"
OPERATOR = "op-7Vd2Kx9Qm4Zr1Tb8Wn5Yc3Hf6Lg0Js"
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def public_forms(key: ec.EllipticCurvePrivateKey) -> list[bytes]:
    """The forms of a public key that an attacker might use as a shared secret."""
    public = key.public_key()
    pem, der = serialization.Encoding.PEM, serialization.Encoding.DER
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    jwk = json.dumps(public_jwk(key, "k1")).encode()
    return [public.public_bytes(pem, info), public.public_bytes(der, info), public.public_bytes(pem, info).strip(), jwk]


def by_hand(header: dict[str, Any] | bytes, claims: dict[str, Any] | bytes, secret: bytes = b"") -> str:
    """A token with an arbitrary header, signed with HMAC-SHA256 if a secret is given."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    signed = ".".join(b64(part) for part in parts)
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest() if secret else b""
    return f"{signed}.{b64(signature)}"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def claims(clock: MovableClock) -> dict[str, Any]:
    now = clock.now_ns() // 1_000_000_000
    return {
        "sub": "12",
        "role": "admin",
        "org_id": 3,
        "iat": now,
        "exp": now + 600,
        "jti": "j",
        "sid": "s",
        "iss": "heartguard",
        "aud": "heartguard",
    }


@pytest.fixture
def shared(clock: MovableClock) -> TokenVerifier:
    return TokenVerifier(SharedSecrets(SECRET, PREVIOUS), "heartguard", "heartguard", clock)


@pytest.fixture
def published(clock: MovableClock) -> TokenVerifier:
    keys = PublishedKeys(lambda: {"keys": [public_jwk(KEY, "k1")]}, clock)
    return TokenVerifier(keys, "heartguard", "heartguard", clock)


def hs256(claims: dict[str, Any], secret: str = SECRET, kid: str | None = None) -> str:
    return by_hand({"alg": "HS256", "typ": "JWT", "kid": kid or secret_id(secret)}, claims, secret.encode())


def test_a_valid_token_identifies_its_person(shared: TokenVerifier, claims: dict[str, Any]) -> None:
    expected = Principal(
        kind="person",
        role="admin",
        user_id=12,
        org_id=3,
        token_id="j",
        session_id="s",
        key_id=secret_id(SECRET),
        issued_at=claims["iat"],
        expires_at=claims["exp"],
    )
    assert shared.verify(hs256(claims)) == expected
    assert expected.actor == "user:12"


def test_the_previous_secret_is_accepted_and_a_token_without_kid_too(
    shared: TokenVerifier, claims: dict[str, Any]
) -> None:
    assert shared.verify(hs256(claims, PREVIOUS)).user_id == 12
    assert shared.verify(by_hand({"alg": "HS256"}, claims, PREVIOUS.encode())).user_id == 12


def test_a_valid_token_of_the_key_ring_is_accepted(published: TokenVerifier, claims: dict[str, Any]) -> None:
    token = jwt.encode(claims, KEY, "ES256", headers={"kid": "k1"})
    assert published.verify(token).key_id == "k1"


ALGORITHMS = ["none", "None", "NONE", "nOnE", "", None, 0, ["HS256"], "HS512", "RS256"]


def test_only_the_algorithm_of_the_key_is_accepted(
    subtests: pytest.Subtests, shared: TokenVerifier, published: TokenVerifier, claims: dict[str, Any]
) -> None:
    for kid in ["the right one", None, "k1"]:
        for algorithm in ALGORITHMS:
            with subtests.test(f"{algorithm} {kid}"):
                for verifier, own in ((shared, secret_id(SECRET)), (published, "k1")):
                    header = {"alg": algorithm, "kid": own if kid == "the right one" else kid}
                    if kid is None:
                        del header["kid"]
                    for secret in (b"", SECRET.encode()):
                        token = by_hand(header, claims, secret)
                        assert refused(lambda verifier=verifier, token=token: verifier.verify(token)) == "GEN_401_TOKEN"
                    without = by_hand({"kid": own}, claims)
                    assert refused(lambda verifier=verifier, token=without: verifier.verify(token)) == "GEN_401_TOKEN"


def test_a_public_key_is_not_accepted_as_shared_secret(published: TokenVerifier, claims: dict[str, Any]) -> None:
    for secret in public_forms(KEY):
        for header in ({"alg": "HS256", "kid": "k1"}, {"alg": "ES256", "kid": "k1"}, {"alg": "HS256"}):
            token = by_hand(header, claims, secret)
            assert refused(lambda token=token: published.verify(token)) == "GEN_401_TOKEN"


def test_a_key_inside_of_a_token_is_ignored(published: TokenVerifier, claims: dict[str, Any]) -> None:
    brought = {"kid": "k1", "jwk": public_jwk(OTHER_KEY, "k1"), "jku": "http://evil.example/jwks", "x5u": "http://e/"}
    assert refused(lambda: published.verify(jwt.encode(claims, OTHER_KEY, "ES256", headers=brought))) == "GEN_401_TOKEN"


def test_duplicate_header_members_forge_nothing(shared: TokenVerifier, claims: dict[str, Any]) -> None:
    for header in (b'{"alg":"none","alg":"HS256"}', b'{"alg":"HS256","alg":"none"}'):
        for secret in (b"", b"x" * 32):
            assert refused(lambda h=header, s=secret: shared.verify(by_hand(h, claims, s))) == "GEN_401_TOKEN"


@pytest.mark.parametrize("claim", ["role", "sub", "exp"])
def test_a_duplicate_claim_is_refused(shared: TokenVerifier, claims: dict[str, Any], claim: str) -> None:
    body = json.dumps(claims)[:-1] + f", {json.dumps({claim: claims[claim]})[1:]}"  # RFC 7519 section 4: refuse
    token = by_hand({"alg": "HS256", "kid": secret_id(SECRET)}, body.encode(), SECRET.encode())
    assert refused(lambda: shared.verify(token)) == "GEN_401_TOKEN"


def test_a_token_in_another_spelling_is_refused(shared: TokenVerifier, claims: dict[str, Any]) -> None:
    good = hs256(claims)
    assert shared.verify(good).user_id == 12
    head, body, signature = good.split(".")
    # 32 bytes are 43 characters, of which the last has two unused bits
    other = signature[:-1] + chr(ord(signature[-1]) + 1)
    assert base64.urlsafe_b64decode(other + "=") == base64.urlsafe_b64decode(signature + "=")
    for text in (f"{head}.{body}.{other}", good + "=", good + "\n", f"{head}.{body[:4]}\n{body[4:]}.{signature}"):
        assert refused(lambda text=text: shared.verify(text)) == "GEN_401_TOKEN", text


@pytest.mark.parametrize("more", [{"jku": "http://e/"}, {"typ": "at+jwt"}, {"typ": 1}, {"zip": "DEF"}, {"kid": None}])
def test_unknown_header_members_are_refused(
    published: TokenVerifier, claims: dict[str, Any], more: dict[str, Any]
) -> None:
    header = json.dumps({"alg": "ES256", "kid": "k1", **more}).encode()
    signed = f"{b64(header)}.{b64(json.dumps(claims).encode())}"
    signature = ECAlgorithm(ECAlgorithm.SHA256).sign(signed.encode(), KEY)
    assert refused(lambda: published.verify(f"{signed}.{b64(signature)}")) == "GEN_401_TOKEN"


OTHER_KINDS = [
    ("iss", ["other", "", None, ["heartguard"]]),
    ("aud", ["other", "", None, ["other"], 7]),
    ("sub", ["", "0", "-1", "1_2", " 12", "+12", "12.0", "\u0661\u0662", "1" * 19, "admin", 12, None]),
    ("role", ["root", "operator", "service", "", None, ["admin"], "Admin"]),
    ("org_id", ["3", 3.0, True, None]),
    ("iat", ["1", 1.5, None, True, 10**10, -(10**30) * 1.0]),
    ("exp", [0, -1, "9999999999", 1e20, None, True]),
    ("nbf", [10**10, "0", 1.5, None]),
    ("jti", [7, None, ["j"]]),
    ("sid", [7, None, ["s"]]),
]


def test_claims_of_another_type_are_refused(
    subtests: pytest.Subtests, shared: TokenVerifier, claims: dict[str, Any]
) -> None:
    for claim, values in OTHER_KINDS:
        with subtests.test(str(values)):
            for value in values:
                token = hs256(claims | {claim: value})
                assert refused(lambda token=token: shared.verify(token)) == "GEN_401_TOKEN", value


def test_every_claim_is_required(subtests: pytest.Subtests, shared: TokenVerifier, claims: dict[str, Any]) -> None:
    for claim in ["sub", "role", "org_id", "iat", "exp", "jti", "iss", "aud", "sid"]:
        with subtests.test(claim):
            token = hs256({name: value for name, value in claims.items() if name != claim})
            assert refused(lambda token=token: shared.verify(token)) == "GEN_401_TOKEN"


def test_times_of_a_token_are_compared_with_our_clock(
    shared: TokenVerifier, claims: dict[str, Any], clock: MovableClock
) -> None:
    token = hs256(claims)
    clock.forward(599)
    assert shared.verify(token).user_id == 12
    clock.forward(1)
    assert refused(lambda: shared.verify(token)) == "GEN_401_TOKEN"
    clock.forward(-606)
    assert refused(lambda: shared.verify(token)) == "GEN_401_TOKEN"


def test_an_invalid_token_is_refused(shared: TokenVerifier, claims: dict[str, Any]) -> None:
    good = hs256(claims)
    head, body, signature = good.split(".")
    deep = b'{"alg":"HS256","x":' + b"[" * 5000 + b"}"
    texts = [
        *(
            "",
            ".",
            "..",
            "...",
            "a.b.c",
            "\u00e9.\u00e9.\u00e9",
            "\x00",
            good + ".",
            f"{head}.{body}",
            f"{head}.{body}.",
        ),
        *(f"{head}.{body}.{signature[:-2]}", f"{head}.{b64(b'{}')}.{signature}", f"{b64(deep)}.{body}.{signature}"),
        *(by_hand(b"[]", claims), by_hand(b"null", claims), by_hand({"alg": "HS256"}, b"[]", SECRET.encode())),
        by_hand({"alg": "HS256", "crit": ["exp"]}, claims, SECRET.encode()),
        by_hand({"alg": "HS256", "b64": False, "crit": ["b64"]}, claims, SECRET.encode()),
    ]
    for text in texts:
        assert refused(lambda text=text: shared.verify(text)) == "GEN_401_TOKEN", text[:40]


def test_an_oversized_token_or_kid_is_not_looked_up(claims: dict[str, Any], clock: MovableClock) -> None:
    asked: list[str | None] = []

    class Keys:
        def candidates(self, key_id: str | None) -> list[Any]:
            asked.append(key_id)
            return []

    verifier = TokenVerifier(Keys(), "heartguard", "heartguard", clock)
    for kid in ("k" * 65, 7, {"a": 1}, ["k1"], True):
        token = by_hand({"alg": "HS256", "kid": kid}, claims, b"x")
        assert refused(lambda token=token: verifier.verify(token)) == "GEN_401_TOKEN"
    assert refused(lambda: verifier.verify(hs256(claims | {"more": "x" * 4096}))) == "GEN_401_TOKEN"
    assert asked == []
    assert refused(lambda: verifier.verify(by_hand({"alg": "HS256", "kid": "k" * 64}, claims, b"x"))) == "GEN_401_TOKEN"
    assert asked == ["k" * 64]


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.fixture
def authenticator(shared: TokenVerifier) -> Authenticator:
    secrets = {"auth": "a-secret", "media": "m-secret", "operator": OPERATOR}
    return Authenticator(shared, {name: hashlib.sha256(text.encode()).hexdigest() for name, text in secrets.items()})


def test_each_kind_of_caller_has_its_credential(authenticator: Authenticator, claims: dict[str, Any]) -> None:
    assert authenticator.identify(None) is None
    person = authenticator.identify(f"bearer  {hs256(claims)}")
    service = authenticator.identify(basic("auth:a-secret"))
    operator = authenticator.identify(f"Bearer {OPERATOR}")
    assert [(who.kind, who.role, who.actor) for who in (person, service, operator) if who] == [
        ("person", "admin", "user:12"),
        ("service", "service", "service:auth"),
        ("operator", "operator", "operator"),
    ]


def test_credentials_of_another_kind_are_refused(authenticator: Authenticator, claims: dict[str, Any]) -> None:
    headers = [
        *("", " ", "Bearer", "Bearer ", "Basic", "Digest abc", hs256(claims), "Bearer a-secret", "Basic !!!"),
        *(basic("auth:m-secret"), basic("auth:"), basic("auth"), basic(":"), basic("nobody:"), basic("nobody:x")),
        *(basic(f"operator:{OPERATOR}"), basic("operator:"), f"Bearer {OPERATOR}x", basic("auth:a-secret") + "%"),
        *("Basic " + base64.b64encode(b"\xff:\xff").decode(), "Basic \xe9\xe9", "Bearer \xe9\xe9", "Basic \u20ac"),
    ]
    for header in headers:
        assert refused(lambda header=header: authenticator.identify(header)) == "GEN_401_TOKEN", header


def test_only_a_bearer_header_contains_a_bearer_token() -> None:
    assert bearer_token("bEaReR abc ") == "abc"
    assert [bearer_token(text) for text in (None, "", "Bearer", "Bearer ", "Basic abc")] == [None] * 5


def test_an_invalid_member_of_a_key_set_hides_no_other() -> None:
    good = public_jwk(KEY, "k1")
    bad: list[Any] = ["x", None, {}, {**good, "x": "AA"}, {**good, "y": 7}, {**good, "kid": ""}, {"kty": "RSA"}]
    bad += [{name: value for name, value in good.items() if name != left_out} for left_out in ("kty", "crv", "x", "y")]
    assert [key.key_id for key in read_key_set({"keys": [*bad, good, *bad]})] == ["k1"]

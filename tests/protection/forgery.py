"""Tokens as an attacker would make them, by hand: no library that refuses to write nonsense stands between."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.protection.stack import Person, decoded, encoded

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (SEC 2 section 2.4.2)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
STRANGER = ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Forge:
    """What a forger works with: a good token's claims, and, for the worst of cases, the ring's own keys.

    `keys` begins with the key that signs; `now` is in seconds; nobody may ever call `listener`.
    """

    keys: Mapping[str, ec.EllipticCurvePrivateKey]
    claims: Mapping[str, Any]
    person: Person
    now: int
    listener: str

    @property
    def kid(self) -> str:
        return next(iter(self.keys))

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        return self.keys[self.kid]

    def header(self, **members: Any) -> dict[str, Any]:
        return {"alg": "ES256", "typ": "JWT", "kid": self.kid, **members}

    def signed(self, **claims: Any) -> str:
        """Signed by the right key; `claims` take the place of the good ones, None leaves one out."""
        body = {name: value for name, value in {**self.claims, **claims}.items() if value is not None}
        return token(self.header(), body, es256(self.key))

    def headed(self, key: ec.EllipticCurvePrivateKey | None = None, **members: Any) -> str:
        """Good claims under a header with these members, signed by the right key or by another."""
        return token(self.header(**members), self.claims, es256(key or self.key))

    def tampered(self, **claims: Any) -> str:
        """The good token's own signature under other claims."""
        head, _, signature = self.person.access_token.split(".")
        return f"{head}.{segment({**self.claims, **claims})}.{signature}"


def segment(part: Any) -> str:
    return encoded(part if isinstance(part, bytes) else json.dumps(part).encode())


def token(header: Any, claims: Any, sign: Callable[[bytes], bytes]) -> str:
    """A compact serialization (RFC 7515 section 7.1); header and claims may be bytes that are no JSON."""
    signed = f"{segment(header)}.{segment(claims)}"
    return f"{signed}.{encoded(sign(signed.encode()))}"


def es256(key: ec.EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    """R and S, 32 bytes each (RFC 7518 section 3.4)."""

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def der(key: ec.EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    """ASN.1 in place of R and S: what OpenSSL writes, and JOSE forbids."""
    return lambda data: key.sign(data, ec.ECDSA(hashes.SHA256()))


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda data: hmac.new(secret, data, hashlib.sha256).digest()


def fixed(signature: bytes) -> Callable[[bytes], bytes]:
    return lambda _: signature


def pair(r: int, s: int) -> Callable[[bytes], bytes]:
    return fixed(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def public_jwk(key: ec.EllipticCurvePrivateKey, **more: str) -> dict[str, str]:
    """A public key as JWK (RFC 7517)."""
    numbers = key.public_key().public_numbers()
    coordinates = {name: encoded(value.to_bytes(32, "big")) for name, value in (("x", numbers.x), ("y", numbers.y))}
    return {"crv": "P-256", "kty": "EC", **coordinates, **more}


def public_forms(key: ec.EllipticCurvePrivateKey) -> dict[str, bytes]:
    """Every form of a public key that a careless verifier might take for a shared secret."""
    public, info = key.public_key(), serialization.PublicFormat.SubjectPublicKeyInfo
    pem = public.public_bytes(serialization.Encoding.PEM, info)
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    jwk = public_jwk(key)
    return {
        "PEM": pem,
        "PEM without its last line end": pem.strip(),
        "DER": public.public_bytes(serialization.Encoding.DER, info),
        "the point": point,
        "JWK": json.dumps(jwk).encode(),
        "JWK without blanks": json.dumps(jwk, separators=(",", ":")).encode(),
        "x": decoded(jwk["x"]),
        "nothing": b"",
    }


def respelled(text: str) -> str:
    """Another spelling of the same bytes: bits of the last character that no byte uses are turned."""
    assert len(text) % 4 in (2, 3), "no unused bits here"
    return text[:-1] + ALPHABET[ALPHABET.index(text[-1]) ^ 1]


def twice(claims: Mapping[str, Any], **again: Any) -> bytes:
    """An object that says some members a second time."""
    return (json.dumps(dict(claims))[:-1] + "," + json.dumps(again)[1:]).encode()

"""API keys: the form of a key, and what a verified one permits.

A key is `hg_dev_` or `hg_int_`, 30 random letters and digits, and 6 that are the CRC-32 of those 30 in base 62: a
mistyped key is refused without a look-up, and a search for secrets finds keys without false hits.
"""

import base64
import ipaddress
import re
import secrets
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import unquote_plus

from heartguard_common.contract.error_documents import INFLUXDB, INFLUXDB_1
from heartguard_common.core.errors import FORBIDDEN, INVALID_TOKEN, ServiceError
from heartguard_common.core.network import parse_address
from heartguard_common.messages import Role

Kind: TypeAlias = Literal["device", "integration"]
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
DEVICE: Kind = "device"
INTEGRATION: Kind = "integration"
PREFIXES: dict[Kind, str] = {DEVICE: "hg_dev_", INTEGRATION: "hg_int_"}
RANDOM_LENGTH = 30
VISIBLE_LENGTH = 8
"""How many random characters a list shows, so that a person recognizes a key: 131 random bits are left."""
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SCHEMES = {INFLUXDB: ("bearer", "token"), INFLUXDB_1: ("bearer", "token", "basic")}
_KEY = re.compile(r"hg_(?:dev|int)_([0-9A-Za-z]{30})([0-9A-Za-z]{6})", re.ASCII)


def new_secret(kind: Kind) -> str:
    """A new key of 178 random bits."""
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_LENGTH))
    return f"{PREFIXES[kind]}{drawn}{checksum(drawn)}"


def checksum(drawn: str) -> str:
    """The CRC-32 of a text in six digits of base 62."""
    number, digits = zlib.crc32(drawn.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits


def is_key(credential: str) -> bool:
    """Whether a bearer credential is meant as an API key; a token has another form."""
    return credential.startswith(("hg_dev_", "hg_int_"))


def require_well_formed(secret: str) -> None:
    """Return if a key has the right form and checksum. Raises GEN_401_TOKEN."""
    match = _KEY.fullmatch(secret)
    if match is None or checksum(match[1]) != match[2]:
        raise ServiceError(INVALID_TOKEN, "The API key is not valid")


def key_of(authorization: str | None, dialect: str | None = None) -> str | None:
    """The API key of an `Authorization` header, None for other credentials. Raises GEN_401_TOKEN.

    The scheme is Bearer; on a route with an error dialect of InfluxDB also `Token`, because clients of InfluxDB 2 send
    no other, and with that of InfluxDB 1 also Basic, with the key as the password and any user name.
    """
    if authorization is None:
        return None
    scheme, _, value = authorization.strip().partition(" ")
    scheme, value = scheme.lower(), value.strip()
    if scheme not in _SCHEMES.get(dialect or "", ("bearer",)):
        return None
    if scheme == "basic":
        value = _password(value)
    if not is_key(value):
        return None
    require_well_formed(value)
    return value


def _password(basic: str) -> str:
    """The password of Basic credentials (RFC 7617); empty where they are none."""
    try:
        return base64.b64decode(basic, validate=True).decode().partition(":")[2]
    except ValueError:  # no base64, no UTF-8, or not even ASCII
        return ""


def without_credentials(query: str) -> tuple[str, str | None]:
    """A query without the parameters `u` and `p`, and the value of the first `p`, None without one.

    Clients of InfluxDB 1 send user name and password there.
    """
    kept, password = [], None
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if unquote_plus(name) not in ("u", "p"):
            kept.append(part)
        elif unquote_plus(name) == "p" and password is None:
            password = unquote_plus(value)
    return "&".join(kept), password


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks in CIDR notation. Raises ValueError for a text that is none, or has bits set behind its prefix."""
    return tuple(ipaddress.ip_network(text) for text in texts)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a verified API key is and permits.

    `version` changes with each change of the key or of its owner's rights. `member_role` is the role that the person
    has who is responsible for the key, while a device key acts as a `user`. Empty `buckets` or `networks` restrict
    nothing.
    """

    id: str
    kind: Kind
    version: str
    member_role: Role
    scopes: frozenset[str] = frozenset()
    buckets: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def permits_bucket(self, name: str) -> bool:
        """Whether the key may be used with a bucket."""
        return not self.buckets or name in self.buckets

    def covers(self, other: "ApiKey") -> bool:
        """Whether everything that `other` permits is permitted by this key too."""
        return (
            (self.id, self.kind, self.member_role) == (other.id, other.kind, other.member_role)
            and self.scopes >= other.scopes
            and (not self.buckets or (bool(other.buckets) and self.buckets >= other.buckets))
            and (not self.networks or self.networks == other.networks)
        )

    def require_network(self, address: str) -> None:
        """Return if the key may be used from a client's address. Raises GEN_403."""
        if self.networks:
            parsed = parse_address(address)
            if parsed is None or not any(parsed in network for network in self.networks):
                raise ServiceError(FORBIDDEN, "This API key can't be used from this network")

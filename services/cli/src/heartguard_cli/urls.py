"""URLs: the owner's of the database, the ones of the services' roles derived from it, and those of listeners."""

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, TypeAlias

from heartguard_cli.errors import CommandError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

Address: TypeAlias = IPv4Address | IPv6Address
LOOPBACK = IPv4Address("127.0.0.1")
DRIVER = "postgresql+psycopg2"


def parse(url: str) -> "URL":
    """The URL with our driver named; `postgres://` and `postgresql://` are understood. Raises `CommandError`."""
    # loaded here: SQLAlchemy takes 0.15 s, and most commands need no URL of a database
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    scheme, mark, rest = url.partition("://")
    if not mark or scheme.partition("+")[0] not in {"postgres", "postgresql"}:
        raise CommandError("DATABASE_URL must begin with postgresql://")
    try:
        return make_url(f"{DRIVER}://{rest}")
    except (ArgumentError, ValueError):
        raise CommandError("DATABASE_URL is not a URL") from None


def host(address: Address) -> str:
    """An address as it stands before a port (RFC 3986 section 3.2.2)."""
    return f"[{address}]" if address.version == 6 else str(address)


def reachable_at(address: Address) -> Address:
    """Where this machine itself reaches what listens on an address: a wildcard on its loopback."""
    if not address.is_unspecified:
        return address
    return LOOPBACK if address.version == 4 else IPv6Address("::1")


def local_url(address: Address, port: int) -> str:
    """The URL by which this machine itself reaches what listens there."""
    return f"http://{host(reachable_at(address))}:{port}"


def role_name(service: str) -> str:
    """The login role of a service."""
    return f"heartguard_{service}"


def for_role(owner_url: str, service: str, password: str) -> str:
    """The URL by which a service reaches the database of `owner_url`, as its own role."""
    url = parse(owner_url).set(username=role_name(service), password=password)
    return url.render_as_string(hide_password=False)


def libpq(url: str) -> str:
    """The same URL for psycopg2.connect, which knows no driver names."""
    return parse(url).set(drivername="postgresql").render_as_string(hide_password=False)

"""A problem is reported in one sentence before anything is started."""

import re
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import pytest

from heartguard_cli import checks
from heartguard_cli.errors import CommandError
from tests.servers import Valkey, free_port

LOOPBACK = ip_address("127.0.0.1")


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        yield stranger.getsockname()[1]


START = "./start_services.sh"


def one(name: str, number: int, address: str = "127.0.0.1", platform: str = "linux") -> None:
    checks.free_ports({name: (number, [ip_address(address)])}, START, platform)


def test_all_taken_ports_are_named_at_once_with_free_ones(listener: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        second = other.getsockname()[1]
        wanted = {"gateway": (listener, [LOOPBACK]), "auth": (free_port(), [LOOPBACK]), "media": (second, [LOOPBACK])}
        with pytest.raises(CommandError) as trouble:
            checks.free_ports(wanted, START)
    said = str(trouble.value)
    assert said.startswith(f"Ports {listener} (GATEWAY_PORT) and {second} (MEDIA_PORT) are already taken: ")
    proposed = re.fullmatch(r".*, GATEWAY_PORT=([0-9]+) MEDIA_PORT=([0-9]+) \./start_services\.sh", said)
    assert proposed
    assert {int(proposed[1]), int(proposed[2])} & {listener, second} == set()


def test_one_port_for_two_programs_is_refused() -> None:
    number = free_port()
    with pytest.raises(CommandError, match="AUTH_PORT and MEDIA_PORT are the same port"):
        checks.free_ports({"auth": (number, [LOOPBACK]), "media": (number, [LOOPBACK])}, START)


def test_a_wildcard_is_taken_by_a_loopback_listener(listener: int) -> None:
    with pytest.raises(CommandError, match="GATEWAY_PORT"):
        one("gateway", listener, "0.0.0.0")


def test_a_port_bound_and_silent_is_taken() -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        with pytest.raises(CommandError, match="already taken"):
            one("media", stranger.getsockname()[1])


def test_a_free_port_passes() -> None:
    one("media", free_port())


def test_another_address_is_free_beside_a_loopback_listener(listener: int) -> None:
    try:
        one("gateway", listener, "127.0.0.2")
    except CommandError as trouble:  # macOS has 127.0.0.1 alone
        assert str(trouble).startswith("127.0.0.2 is no address of this machine")  # noqa: PT017


def test_a_port_is_looked_for_in_ipv6_too() -> None:
    try:
        stranger = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        expected = "::1 is no address of this machine"
        stranger = socket.socket()
    else:
        expected = "already taken"
    with stranger, pytest.raises(CommandError, match=expected):
        one("gateway", stranger.getsockname()[1] or free_port(), "::1")


def test_an_address_of_another_machine_is_reported() -> None:
    with pytest.raises(CommandError, match=r"198\.51\.100\.7 is no address of this machine: set GATEWAY_BIND"):
        one("gateway", free_port(), "198.51.100.7")  # RFC 5737: nobody's


def test_on_macos_the_likely_culprit_of_5000_is_named() -> None:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            stranger.bind(("127.0.0.1", 5000))
            stranger.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        with pytest.raises(CommandError, match=r"AirPlay.*GATEWAY_PORT"):
            one("gateway", 5000, platform="darwin")


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="The disk is full: 12 MB are free"):
        checks.disk(tmp_path, usage=lambda _: SimpleNamespace(free=12_345_678))


def test_enough_disk_passes(tmp_path: Path) -> None:
    checks.disk(tmp_path, usage=lambda _: SimpleNamespace(free=400_000_000))


@pytest.mark.parametrize("url", ["postgresql://u:geheim@127.0.0.1:{port}/x", "postgres://u:geheim@127.0.0.1:{port}/x"])
def test_an_unreachable_database_is_one_line_without_the_password(url: str) -> None:
    with pytest.raises(CommandError, match="DATABASE_URL can't be reached") as refusal:
        checks.database(url.format(port=free_port()))
    assert "\n" not in str(refusal.value)
    assert "geheim" not in str(refusal.value)


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(CommandError, match="must begin with postgresql://"):
        checks.database("mysql://localhost/x")


def test_an_unreachable_redis_is_one_line() -> None:
    with pytest.raises(CommandError, match="REDIS_URL can't be reached"):
        checks.redis_server(f"redis://127.0.0.1:{free_port()}/0")


def test_a_redis_with_another_password_is_unreachable(valkey: Valkey) -> None:
    with pytest.raises(CommandError, match="REDIS_URL can't be reached"):
        checks.redis_server(f"redis://:wrong@127.0.0.1:{valkey.port}/0")


def test_a_reachable_redis_passes(valkey: Valkey) -> None:
    checks.redis_server(valkey.url)


def test_another_kind_of_redis_is_refused() -> None:
    with pytest.raises(CommandError, match="must begin with redis://"):
        checks.redis_server("http://127.0.0.1/0")

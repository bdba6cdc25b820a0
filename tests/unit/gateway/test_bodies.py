"""Bodies that are held: bounded for all and for each, and given back on every way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from heartguard_common.core.errors import ServiceError
from heartguard_gateway.bodies import IN_MEMORY, Body, BodySpool, SpoolLimits

KIB = 1024


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[BodySpool]:
    made = BodySpool(tmp_path / "spool", SpoolLimits(memory=512 * KIB, disk=1600 * KIB, parts=2))
    yield made
    assert (made.memory.used, made.disk.used) == (0, 0)
    assert not made.memory._holders and not made.disk._holders  # noqa: PT018  nothing is kept of who has gone


def filled(spool: BodySpool, holder: str, size: int) -> Body:
    return fill(spool.open(holder), size)


def fill(body: Body, size: int) -> Body:
    for place in range(0, size, 16 * KIB):
        body.write(bytes(min(16 * KIB, size - place)))
    return body


def test_a_large_body_lies_in_a_file_without_a_name_and_can_be_read_again(spool: BodySpool, tmp_path: Path) -> None:
    data = bytes(range(256)) * 2000
    with spool.open("a") as body:
        for place in range(0, len(data), 10_000):
            body.write(data[place : place + 10_000])
        size = len(data)
        assert body.whole() is None
        assert b"".join(body) == data == b"".join(body)
        assert (spool.memory.used, spool.disk.used) == (0, size)
        assert not list((tmp_path / "spool").iterdir())


def test_one_holder_gets_only_its_share_of_the_disk(spool: BodySpool) -> None:
    with filled(spool, "a", 800 * KIB) as large:
        with pytest.raises(ServiceError) as caught, spool.open("a") as more:
            fill(more, 320 * KIB)
        assert (caught.value.row.code, caught.value.headers["Retry-After"]) == ("GW_015", "5")
        assert str(1600 * KIB) in caught.value.message
        assert str(800 * KIB) in caught.value.message
        with filled(spool, "b", 800 * KIB):
            assert spool.disk.used == 1600 * KIB
        assert len(large) == 800 * KIB


def test_over_the_memory_limit_small_bodies_go_to_the_disk(spool: BodySpool) -> None:
    with filled(spool, "a", IN_MEMORY) as first, filled(spool, "a", KIB) as second:
        assert first.whole() is not None
        assert second.whole() is None
        assert b"".join(second) == bytes(KIB)
        with filled(spool, "b", KIB) as other:
            assert other.whole() == bytes(KIB)


def test_a_disk_that_takes_no_file_is_a_refusal_and_loses_no_count(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spool = BodySpool(tmp_path / "file")
    with pytest.raises(ServiceError) as caught, spool.open("a") as body:
        fill(body, IN_MEMORY + 1)
    assert caught.value.row.code == "GW_015"
    assert (spool.memory.used, spool.disk.used) == (0, 0)

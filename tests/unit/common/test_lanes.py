"""Lanes for expensive requests: which get a slot, wait or are refused, and that every slot is given back."""

import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import pytest

from heartguard_common.core import deadline
from heartguard_common.core.errors import BUSY, TOO_LONG, ServiceError
from heartguard_common.core.metrics import Metrics
from heartguard_common.core.registry import SERVICES
from heartguard_common.http.lanes import COMPUTING, STREAMING, Lane, LaneCapacity, Lanes, Stream
from heartguard_common.identity.authentication import Principal
from heartguard_common.stores.database import Database
from tests.servers import until

LONG = 30.0  # longer than any wait in a test that passes


def refused(lane, owner):
    with pytest.raises(ServiceError) as caught:
        lane.enter(owner)
    return (caught.value.error_code, caught.value.headers["Retry-After"]) == (BUSY, "1")


def test_one_organization_never_has_the_last_slot():
    lane = Lane(LaneCapacity(slots=3, share=2))
    mine = [lane.enter(1), lane.enter(1)]
    assert refused(lane, 1)
    with lane.enter(2):
        assert refused(lane, 2)
        assert refused(lane, 3)
    mine[0].leave()
    mine[0].leave()  # again gives nothing back
    with lane.enter(1):
        assert refused(lane, 1)


def test_waiting_requests_get_slots_in_turn_and_past_those_whose_share_is_used_up():
    lane = Lane(LaneCapacity(slots=2, share=1, waiting=4, waiting_share=2), wait_seconds=LONG)
    first, second = lane.enter(1), lane.enter(2)
    got = []

    def queue(owner, name):
        slot = lane.enter(owner)
        got.append(name)
        return slot

    with ThreadPoolExecutor(4) as pool:
        waiting = []
        for slot, (owner, name) in enumerate([(1, "1a"), (3, "3a"), (2, "2a"), (3, "3b")], 1):
            waiting.append(pool.submit(queue, owner, name))
            until(lambda slot=slot: lane.waiting == slot, "the wait")
        second.leave()  # 1 has its share still: 3 is the next
        waiting[1].result(LONG)
        first.leave()
        waiting[0].result(LONG).leave()
        waiting[2].result(LONG)
        assert got == ["3a", "1a", "2a"]
        waiting[1].result().leave()
        waiting[3].result(LONG)


def test_few_requests_may_wait_and_fewer_of_one_organization():
    lane = Lane(LaneCapacity(slots=1, share=1, waiting=2, waiting_share=1), wait_seconds=LONG)
    held = lane.enter(1)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(lane.enter, 1)]
        until(lambda: lane.waiting == 1, "the first wait")
        assert refused(lane, 1)
        waiting.append(pool.submit(lane.enter, 2))
        until(lambda: lane.waiting == 2, "the second wait")
        assert refused(lane, 3)
        held.leave()
        waiting[0].result(LONG).leave()
        waiting[1].result(LONG).leave()


def test_a_wait_ends_at_its_limit():
    lane = Lane(LaneCapacity(slots=1, share=1, waiting=1, waiting_share=1), wait_seconds=0.05)
    with lane.enter(1):
        assert refused(lane, 2)
    assert lane.waiting == 0
    lane.enter(2).leave()


def test_a_burst_of_cheap_requests_is_answered_while_the_lane_moves():
    lane = Lane(LaneCapacity(slots=2, share=1), brief=LONG)

    def ask(_):
        with lane.enter(1):
            threading.Event().wait(0.01)

    lane.enter(1).leave()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(16)))


def test_a_stream_holds_its_place_until_it_is_closed():
    lane = Lane(LaneCapacity(slots=1, share=1))
    closed = []

    def blocks():
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    stream = Stream(blocks(), lane.enter(1))
    assert next(stream) == b"a"
    assert refused(lane, 2)
    stream.close()
    stream.close()
    assert closed == [True]
    Stream(blocks(), lane.enter(2)).close()
    assert list(Stream(blocks(), lane.enter(3))) == [b"a", b"b"]
    lane.enter(4).leave()


def test_a_stream_ends_at_its_deadline():
    lane = Lane(LaneCapacity(slots=1, share=1))
    left = []

    def blocks():
        while True:
            left.append(deadline.left())
            yield b"a"
            threading.Event().wait(0.01)

    stream = Stream(blocks(), lane.enter(1), seconds=0.5)
    with pytest.raises(ServiceError) as ended:
        list(stream)
    assert deadline.left() is None
    assert ended.value.error_code is TOO_LONG
    assert 0 < left[0] <= 0.5
    stream.close()
    lane.enter(1).leave()


def test_shares_are_per_organization_and_per_service():
    metrics = Metrics("influx")
    lanes = Lanes(metrics)
    people = [Principal("person", "user", user_id=number, org_id=1) for number in range(3)]
    with lanes.computing(people[0], 5), lanes.computing(people[1], None):
        with pytest.raises(ServiceError), lanes.computing(people[2], 5):
            pass
        with lanes.computing(Principal("service", "service", name="user"), 5):
            assert metric(metrics, "heartguard_lane_used", "work") == 3
    assert metric(metrics, "heartguard_lane_used", "work") == 0
    assert metric(metrics, "heartguard_lane_refused_total", "work") == 1


def metric(metrics, name, lane):
    prefix = f'{name}{{lane="{lane}",service="influx"}} '
    lines = metrics.exposition().decode().splitlines()
    return next(float(line.removeprefix(prefix)) for line in lines if line.startswith(prefix))


def test_threads_and_connections_remain_for_cheap_requests():
    threads = {service.threads for service in SERVICES.values() if service.threads}
    assert COMPUTING.slots + COMPUTING.waiting + STREAMING.slots < min(threads)
    pool = Database.__init__.__kwdefaults__["pool_size"]
    assert COMPUTING.slots + STREAMING.slots < pool
    for room in (COMPUTING, STREAMING):
        assert room.share < room.slots
        assert room.waiting_share < room.waiting


def test_expensive_routes_use_lanes():
    tables = [import_module(f"heartguard_{name}.routes").ROUTES for name in SERVICES if name != "gateway"]
    assert {(it.method, it.path): it.seconds for routes in tables for it in routes if it.expensive} == {
        ("POST", "/timeseries/write"): None,  # of more than 5,000 values
        ("POST", "/api/v2/write"): None,
        ("POST", "/write"): None,
        ("POST", "/timeseries/query"): 15,
        ("POST", "/timeseries/latest"): 15,
        ("POST", "/timeseries/summary"): 15,
        ("POST", "/timeseries/delete"): 15,
        ("DELETE", "/timeseries/buckets/{bucket}"): 15,
        ("DELETE", "/timeseries/fields"): 15,
        ("POST", "/timeseries/erasures"): 15,
        ("GET", "/timeseries/exports"): None,
        ("GET", "/audit/events"): 15,
        ("GET", "/users/me/access-log"): 15,
        ("GET", "/audit/verify"): 20,
        ("GET", "/audit/exports"): None,
        ("POST", "/media/uploads/{item_id}/complete"): None,
        ("POST", "/timeseries/changes"): None,
        ("POST", "/timeseries/readings"): None,
        ("POST", "/alarms/rules/rehearse"): 20,
        ("GET", "/alarms/{alarm_id}"): None,
        ("GET", "/alarms/exports"): None,
        ("POST", "/alarms/channels/{channel_id}/code"): None,
        ("POST", "/alarms/channels/{channel_id}/test"): None,
    }

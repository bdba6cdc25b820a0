"""A lane: no holder has more than its share or waits for another's, and every slot is given back."""

import gevent

from heartguard_gateway.upstream.lane import Lane


def test_a_holder_has_its_share_and_others_have_the_rest() -> None:
    lane = Lane(size=3, share=2)
    taken = [(holder, lane.enter(holder, 0)) for holder in ("a", "a", "a", "b", "c")]
    assert taken == [("a", True), ("a", True), ("a", False), ("b", True), ("c", False)]
    assert lane.busy == 3


def test_a_wait_for_ones_own_share_holds_no_slot() -> None:
    lane = Lane(size=2, share=1)
    assert lane.enter("a", 0)
    waiting = gevent.spawn(lane.enter, "a", 5)
    gevent.sleep(0)
    assert lane.enter("b", 0)
    lane.leave("a")
    assert waiting.get(timeout=60)


def test_a_killed_waiter_keeps_no_slot() -> None:
    lane = Lane(size=1, share=1)
    assert lane.enter("a", 0)
    for holder in ("a", "b"):
        waiting = gevent.spawn(lane.enter, holder, 5)
        gevent.sleep(0)
        waiting.kill()
    lane.leave("a")
    assert lane.busy == 0
    assert lane.enter("b", 0)
    lane.leave("b")
    assert not lane._shares and not lane._users  # noqa: PT018  nothing is kept of holders that left

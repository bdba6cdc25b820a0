"""Lanes: nobody has more than a share, nobody waits for another's, and what is given back is whole again."""

import gevent

from heartguard_gateway.lanes import Lanes


def test_a_holder_has_its_share_and_others_have_the_rest() -> None:
    lanes = Lanes(size=3, share=2)
    taken = [(holder, lanes.enter(holder, 0)) for holder in ("a", "a", "a", "b", "c")]
    assert taken == [("a", True), ("a", True), ("a", False), ("b", True), ("c", False)]
    assert lanes.busy == 3


def test_who_waits_for_its_own_share_holds_no_lane() -> None:
    lanes = Lanes(size=2, share=1)
    assert lanes.enter("a", 0)
    waiting = gevent.spawn(lanes.enter, "a", 5)
    gevent.sleep(0)
    assert lanes.enter("b", 0)
    lanes.leave("a")
    assert waiting.get(timeout=60)


def test_a_waiter_who_is_killed_takes_nothing_with_it() -> None:
    lanes = Lanes(size=1, share=1)
    assert lanes.enter("a", 0)
    for holder in ("a", "b"):
        waiting = gevent.spawn(lanes.enter, holder, 5)
        gevent.sleep(0)
        waiting.kill()
    lanes.leave("a")
    assert lanes.busy == 0
    assert lanes.enter("b", 0)
    lanes.leave("b")
    assert not lanes._shares and not lanes._users  # noqa: PT018  nothing is kept of who has gone

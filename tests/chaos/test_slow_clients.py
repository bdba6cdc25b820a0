"""Clients that are slow on purpose: no valid request of others fails, and what was held for them is given back.

The short form has a few of each kind at once; HEARTGUARD_FAULTS=all has 1,000 of each, one kind after the other.
`bench.slow_clients` measures times; here is no limit but a caller's patience.
"""

import os
from itertools import chain
from typing import Any

import pytest

from bench.slow_clients.callers import Caller, Callers
from bench.slow_clients.kinds import kinds
from bench.slow_clients.product import MEMORY_LEFT, Product
from tests.running import RunningSystem
from tests.servers import until

LONG = os.environ.get("HEARTGUARD_FAULTS") == "all"
OF_EACH = 1000 if LONG else 24
ANSWERS = 100 if LONG else 10  # to each caller, while the slow ones are there
HANGS = 300  # seconds; what takes so long on a busy machine too takes for ever
pytestmark = [pytest.mark.timeout(2400 if LONG else 900), pytest.mark.alone]


def answered(callers: Callers, times: int) -> list[str]:
    """Wait until each caller has been answered so often; what failed."""

    def done(caller: Caller) -> bool:
        return len(caller.seconds) >= times

    until(lambda: all(map(done, callers.all)), f"{times} answers to each caller", HANGS)
    return [f"{one.name}: {fault}" for one in callers.all for fault in one.failures]


def test_slow_clients_fail_no_request_of_others_and_leave_nothing_behind(running_system: RunningSystem) -> None:
    product = Product(running_system.clone, file_mib=20 if LONG else 4)
    with Callers(product.port, product.account) as callers:
        assert answered(callers, 2) == []
    before = product.held()
    found = kinds(product.target)
    attacks = list(found.items()) if LONG else [("all at once", [*chain.from_iterable(found.values())])]
    for name, behaviours in attacks:
        ends: dict[str, Any] = {}
        clients = OF_EACH if LONG else OF_EACH * len(found)
        with product.attacked(clients, behaviours, ends), Callers(product.port, product.account) as callers:
            assert answered(callers, ANSWERS) == [], name
        assert ends["connections"] >= clients / 5  # of those who only ask at a rate there are fewer
    after = product.released(before, HANGS)
    assert after.within(before, MEMORY_LEFT), (before, after)

"""Thousands of clients that are slow on purpose, in one process: `python -m bench.slow_clients.attack PLAN`.

PLAN is JSON: the gateway's port, how many clients, and what each does (`Behaviour`). They continue until standard
input ends: a client whose connection was closed returns after ten seconds. Standard output says `up` when all have
connected once, and at the end how many connections ended and with which status.
"""

import asyncio
import contextlib
import json
import socket
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field

PAUSE = 1.0  # seconds between two drips
ARRIVALS = 200  # clients a second, so that their arrival is not a flood
BACK = 10.0  # seconds until a client that was disconnected or refused returns
# All of 127.0.0.0/8 is this machine (Linux): the slow clients have a few addresses of their own.
SOURCES = tuple(f"127.0.0.{number}" for number in range(2, 6))


@dataclass(frozen=True)
class Behaviour:
    """What one client does: `head` at once, then `drip` every second, reading `reads` bytes a second (-1: all).

    `rate` is 0 for clients that stay; otherwise so many requests a second are made by all clients together, `body`
    bytes follow each head, and each ends with its answer, or its first bytes.
    """

    head: str
    drip: str = ""
    first: int = 0
    reads: int = -1
    rate: float = 0
    body: int = 0


@dataclass
class Attack:
    """All clients of one process."""

    port: int
    clients: int
    behaviours: list[Behaviour]
    ends: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    _over: bool = False
    _all_connected: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until standard input ends."""
        over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        at_work = []
        for place in range(self.clients):
            behaviour = self.behaviours[place % len(self.behaviours)]
            delay = place / behaviour.rate if behaviour.rate else 0
            at_work.append(asyncio.ensure_future(self._stay(behaviour, SOURCES[place % len(SOURCES)], delay)))
            if place % 10 == 9:
                await asyncio.sleep(10 / ARRIVALS)
        await asyncio.wait([asyncio.ensure_future(self._all_connected.wait()), over], return_when="FIRST_COMPLETED")
        print("up", flush=True)
        await over
        self._over = True  # wait_for() may take a cancellation for its own timeout
        for one in at_work:
            one.cancel()
        await asyncio.wait(at_work, timeout=5)
        print(json.dumps({"connections": self.connections, "ends": self.ends}))

    async def _stay(self, behaviour: Behaviour, source: str, delay: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(delay)
        while not self._over:
            began = loop.time()
            try:
                status = await self._once(behaviour, source)
            except OSError as error:  # TimeoutError too
                status = type(error).__name__
            self.ends[status] += 1
            pause = self.clients / behaviour.rate if behaviour.rate else BACK
            await asyncio.sleep(max(pause - (loop.time() - began), 0.01))

    async def _once(self, behaviour: Behaviour, source: str) -> str:
        """Run one connection until the gateway closes it; returns the status of its last answer."""
        link = socket.socket()
        link.settimeout(0)
        if behaviour.reads >= 0:  # a small window: the kernel must not buffer more
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        loop = asyncio.get_running_loop()
        try:
            with contextlib.suppress(OSError):
                link.bind((source, 0))
            await asyncio.wait_for(loop.sock_connect(link, ("127.0.0.1", self.port)), 20)
            self.connections += 1
            if self.connections == self.clients:
                self._all_connected.set()
            if behaviour.rate:
                return await self._ask(link, behaviour)
            if behaviour.head:
                await loop.sock_sendall(link, behaviour.head.encode() + b"x" * behaviour.first)
            return await self._hold(link, behaviour)
        finally:
            link.close()

    async def _hold(self, link: socket.socket, behaviour: Behaviour) -> str:
        loop = asyncio.get_running_loop()
        status = "none"
        while True:
            if behaviour.reads:
                with contextlib.suppress(asyncio.TimeoutError):
                    amount = behaviour.reads if behaviour.reads > 0 else 65536
                    data = await asyncio.wait_for(loop.sock_recv(link, amount), PAUSE)
                    if not data:
                        return status
                    if data.startswith(b"HTTP/1.1 "):
                        status = data[9:12].decode()
                    if behaviour.reads < 0:
                        continue
            await asyncio.sleep(PAUSE)
            if behaviour.drip:
                await loop.sock_sendall(link, behaviour.drip.encode())

    async def _ask(self, link: socket.socket, behaviour: Behaviour) -> str:
        """Send head and body at once; returns the status of the answer if it can be read."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            await asyncio.wait_for(loop.sock_sendall(link, behaviour.head.encode() + b"x" * behaviour.body), 10)
        data = await asyncio.wait_for(loop.sock_recv(link, 65536), 10)
        return data[9:12].decode() if data.startswith(b"HTTP/1.1 ") else "none"


def plan(port: int, clients: int, behaviours: list[Behaviour]) -> str:
    """The argument of this program; for clients with a fixed rate, as many as are needed for two seconds."""
    if rate := min(one.rate for one in behaviours):
        clients = min(clients, int(2 * rate))
    return json.dumps({"port": port, "clients": clients, "behaviours": [asdict(one) for one in behaviours]})


if __name__ == "__main__":
    read = json.loads(sys.argv[1])
    asyncio.run(Attack(read["port"], read["clients"], [Behaviour(**one) for one in read["behaviours"]]).run())

"""Many clients of live streams in one process: `python -m bench.streams.clients PORT`, driven by lines of JSON.

{"open": [[path, headers], ...]} opens streams and prints how many answered with 200; {"report": true} prints how many
events came since the last report, how old they were (`"sent":<time>` in the data), and the time between first and last.
"""

import asyncio
import json
import re
import resource
import sys
import time

AT_ONCE = 100
SENT = re.compile(rb'"sent":([0-9.]+)')


class Clients:
    def __init__(self, port):
        self.port = port
        self.ages = []
        self.first = self.last = 0.0
        self.open = self.closed = 0
        self.kept = []

    async def connect(self, place, path, headers, gate):
        """Open one stream; a refusal of an overloaded machine is followed by another attempt."""
        for _ in range(10):
            if await self.attempt(place, path, headers, gate):
                return
            await asyncio.sleep(1)

    async def attempt(self, place, path, headers, gate):
        async with gate:
            source = (f"127.0.0.{2 + place % 4}", 0)
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=source, limit=2**20)
            lines = [f"GET {path} HTTP/1.1", "Host: bench", "Accept: text/event-stream"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                writer.close()
                return False
            self.open += 1
        self.kept.append(asyncio.create_task(self.read(reader, writer)))
        return True

    async def read(self, reader, writer):
        while data := await reader.read(65536):
            now = time.time()
            found = SENT.findall(data)
            if found:
                self.ages += [now - float(it) for it in found]
                self.first, self.last = self.first or now, now
        self.closed += 1
        writer.close()

    async def run(self):
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            asked = json.loads(line)
            if "open" in asked:
                began, gate = time.time(), asyncio.Semaphore(AT_ONCE)
                await asyncio.gather(*(self.connect(n, *it, gate) for n, it in enumerate(asked["open"])))
                answer = {"open": self.open, "closed": self.closed, "seconds": time.time() - began}
            else:
                ages = sorted(self.ages)
                middle, high = (ages[int(len(ages) * it)] if ages else 0 for it in (0.5, 0.99))
                answer = {"events": len(ages), "p50": middle, "p99": high, "most": ages[-1] if ages else 0}
                answer |= {"seconds": self.last - self.first, "closed": self.closed}
                self.ages, self.first = [], 0.0
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(Clients(int(sys.argv[1])).run())

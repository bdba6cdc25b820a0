"""More than the system can do: requests that come when they come, whether the earlier ones were answered or not."""

import asyncio
import json
import resource
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from urllib.parse import urlsplit

from tests.system.writer import Member, heart_rate

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
NUMBERS = count()
CLIENTS = 32
TIMEOUT_SECONDS = 10.0
NO_ANSWER = 0
FILES = 10_240  # macOS takes no more


class Flood:
    """Writes of one point each, each on a connection of its own, and what became of them."""

    def __init__(self, member: Member) -> None:
        self._member, self._address = member, urlsplit(member.url)
        # A connection for each request, also in a shell that allows 1,024 files or 256.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
        self.statuses: Counter[int] = Counter()
        self.points: set[str] = set()
        self.events: set[str] = set()

    def capacity(self, seconds: float) -> float:
        """Writes a second that are acknowledged to clients who wait for their answers."""
        return asyncio.run(self._capacity(seconds))

    def pour(self, rate: float, seconds: float) -> float:
        """Begin `rate` writes a second, and wait for the last answer; the rate that was reached."""
        return asyncio.run(self._pour(rate, seconds))

    async def _capacity(self, seconds: float) -> float:
        ends, before = time.monotonic() + seconds, len(self.points)

        async def client() -> None:
            while time.monotonic() < ends:
                await self._write()

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return (len(self.points) - before) / seconds

    async def _pour(self, rate: float, seconds: float) -> float:
        began, tasks = time.monotonic(), []
        while (passed := time.monotonic() - began) < seconds:
            tasks += [asyncio.create_task(self._write()) for _ in range(int(passed * rate) - len(tasks))]
            await asyncio.sleep(0.005)
        reached = len(tasks) / (time.monotonic() - began)
        await asyncio.gather(*tasks)
        return reached

    async def _write(self) -> None:
        moment = (BEGIN + timedelta(seconds=next(NUMBERS))).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = NO_ANSWER
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                status, request_id, body = await self._exchange(moment)
            if status == 200 and json.loads(body)["inserted"] == 1:
                self.points.add(moment)
                self.events.add(request_id)
        except (OSError, TimeoutError, ValueError, IndexError):  # nothing, or half an answer
            status = NO_ANSWER
        self.statuses[status] += 1

    async def _exchange(self, moment: str) -> tuple[int, str, bytes]:
        body = json.dumps({"bucket": self._member.bucket, "points": [heart_rate(moment)]}).encode()
        head = (
            f"POST /timeseries/write HTTP/1.1\r\nHost: {self._address.netloc}\r\nConnection: close\r\n"
            f"Authorization: Bearer {self._member.token}\r\nContent-Type: application/json\r\n"
            f"Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        try:
            writer.write(head.encode() + body)
            top, _, content = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
        lines = top.decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        return int(lines[0].split()[1]), fields.get("x-gateway-request-id", ""), content

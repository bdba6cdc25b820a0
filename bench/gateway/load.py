"""Load: by wrk where it is installed, otherwise by a small generator in Python, which needs more CPU."""

import asyncio
import itertools
import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

WRK = shutil.which("wrk")
# The only machine-readable output of wrk is that of its script.
_SCRIPT = """wrk.method, wrk.body = %s, %s
wrk.headers["Authorization"] = %s
if wrk.body then wrk.headers["Content-Type"] = "application/json" end
local number, template = %d, wrk.body
if number >= 0 then
  request = function()
    number = number + 1
    local body = string.gsub(template, "NUMBER", string.format("%%09d", number - 1))
    return wrk.format(nil, nil, nil, body)
  end
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{"answers": %%d, "seconds": %%f, "p50": %%f, "p90": %%f, "p99": %%f, "errors": %%d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(90) / 1e3,
    latency:percentile(99) / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Call:
    """The request that each connection repeats.

    With `first` the word NUMBER in the body is another number of nine digits in each request, from `first` on.
    """

    method: str
    target: str
    authorization: str
    body: str = ""
    first: int | None = None

    def wire(self, number: int = 0) -> bytes:
        """The request as bytes."""
        body = self.body if self.first is None else self.body.replace("NUMBER", f"{number:09d}")
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        head = (
            f"{self.method} {self.target} HTTP/1.1\r\nHost: bench\r\nAuthorization: {self.authorization}\r\n{kind}\r\n"
        )
        return head.encode() + body.encode()


@dataclass(frozen=True)
class Figures:
    """The result: latencies in milliseconds; at most `dangling` requests were interrupted at the end."""

    answers: int
    seconds: float
    p50: float
    p90: float
    p99: float
    errors: int
    dangling: int = 0


def run(port: int, call: Call, connections: int, seconds: float, scratch: Path) -> Figures:
    """Load one port for a number of seconds."""
    if WRK is None:
        return run_own(port, call, connections, seconds)
    script = scratch / "wrk.lua"
    body = json.dumps(call.body) if call.body else "nil"
    first = -1 if call.first is None else call.first
    script.write_text(_SCRIPT % (json.dumps(call.method), body, json.dumps(call.authorization), first))
    command = [WRK, "-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s", "--timeout", "20s", "-s", str(script)]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{call.target}"], capture_output=True, text=True, check=True
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("{"))
    return Figures(**json.loads(line), dangling=connections)


def run_own(port: int, call: Call, connections: int, seconds: float) -> Figures:
    """The same without wrk; waits for the answers to all requests."""
    return asyncio.run(_own(port, call, connections, seconds))


async def _own(port: int, call: Call, connections: int, seconds: float) -> Figures:
    latencies: list[float] = []
    errors = 0
    numbers = itertools.count(call.first or 0)
    began = time.perf_counter()

    async def ask_on() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() - began < seconds:
            started = time.perf_counter()
            writer.write(call.wire(next(numbers)))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if b"chunked" in head:
                while size := int(await reader.readline(), 16):
                    await reader.readexactly(size + 2)
                await reader.readline()
            else:
                await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
            latencies.append(time.perf_counter() - started)
            errors += not head.startswith(b"http/1.1 2")
        writer.close()

    ends = await asyncio.gather(*(ask_on() for _ in range(connections)), return_exceptions=True)
    errors += sum(isinstance(end, Exception) for end in ends)
    elapsed = time.perf_counter() - began
    ranked = sorted(latencies) or [0.0]
    p50, p90, p99 = (ranked[int(len(ranked) * share)] * 1000 for share in (0.5, 0.9, 0.99))
    return Figures(len(latencies), elapsed, p50, p90, p99, errors)

"""A plain ASGI application on uvicorn with redis.asyncio: the same as the other peer."""

import asyncio
import resource
import sys
from collections import defaultdict
from urllib.parse import parse_qs

import redis.asyncio
import uvicorn

queues = defaultdict(set)


async def read(url):
    pubsub = redis.asyncio.Redis.from_url(url).pubsub()
    await pubsub.psubscribe("org:*")
    async for message in pubsub.listen():
        if message["type"] == "pmessage":
            for queue in list(queues[message["channel"].decode().partition(":")[2]]):
                queue.put_nowait(message["data"])


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    org = parse_qs(scope["query_string"].decode())["org"][0]
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
    queue = asyncio.Queue()
    queues[org].add(queue)
    try:
        while True:
            await send(
                {"type": "http.response.body", "body": b"data: " + await queue.get() + b"\n\n", "more_body": True}
            )
    finally:
        queues[org].discard(queue)


async def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    reading = asyncio.create_task(read(sys.argv[2]))
    config = uvicorn.Config(app, port=int(sys.argv[1]), log_level="error", lifespan="off", backlog=4096)
    await uvicorn.Server(config).serve()
    reading.cancel()


if __name__ == "__main__":
    asyncio.run(main())

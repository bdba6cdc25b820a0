"""A plain Flask on gevent: subscribes to Redis and sends what comes, without authorization, ids or limits."""

from gevent import monkey

monkey.patch_all()

import resource  # noqa: E402
import sys  # noqa: E402
from collections import defaultdict  # noqa: E402

import gevent  # noqa: E402
import redis  # noqa: E402
from flask import Flask, Response, request  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402
from gevent.queue import Queue  # noqa: E402

app = Flask(__name__)
queues: dict[str, set[Queue]] = defaultdict(set)


@app.get("/stream")
def stream():
    org = request.args["org"]
    mine = Queue(1000)

    def events():
        queues[org].add(mine)
        try:
            yield b":\n\n"
            while True:
                yield b"data: " + mine.get() + b"\n\n"
        finally:
            queues[org].discard(mine)

    return Response(events(), mimetype="text/event-stream")


def read(url):
    pubsub = redis.Redis.from_url(url).pubsub()
    pubsub.psubscribe("org:*")
    for message in pubsub.listen():
        if message["type"] == "pmessage":
            for queue in list(queues[message["channel"].decode().partition(":")[2]]):
                queue.put(message["data"])


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gevent.spawn(read, sys.argv[2])
    WSGIServer(("127.0.0.1", int(sys.argv[1])), app, log=None, backlog=4096).serve_forever()

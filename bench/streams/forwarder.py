"""A proxy for streams that does no more than copy bytes: `python bench/streams/forwarder.py PORT TARGET_PORT`."""

from gevent import monkey

monkey.patch_all()

import resource  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402

import gevent  # noqa: E402
from gevent.server import StreamServer  # noqa: E402


def copy(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.close()


def forward(client, _):
    upstream = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    gevent.spawn(copy, client, upstream)
    copy(upstream, client)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    StreamServer(("127.0.0.1", int(sys.argv[1])), forward, backlog=4096).serve_forever()

"""Giving an accepted connection to the stream process (SCM_RIGHTS), with the head of the request that was read from it.

The gateway reads which route a request is for, and is done with it: the stream process admits it, answers it and keeps
the connection. So the connection counts against no worker of the gateway, and no byte passes through one.
"""

import json
import logging
import os
import socket as system_socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
from gevent import socket

from heartguard_gateway.domain import join_path, split_path

SOCKET_NAME = "stream.sock"
PATHS = frozenset({"/stream", "/api/v1/stream"})
GIVE_SECONDS = 3.0
"""So long a connection waits for the stream process to be there, as while it is started again."""
_RETRY_SECONDS = 0.1
_RECEIVE_SECONDS = 5.0
_LARGEST = 1024 * 1024
_LONGEST_PATH = 100  # bytes; the kernel takes 107
log = logging.getLogger("heartguard.streams")


class Sender:
    """The gateway's side."""

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic

    def wants(self, request: Any) -> bool:
        """Whether a parsed request of gunicorn is one for the stream process; one with a body is not."""
        if request.method != "GET" or not (request.path in PATHS or _is_escaped(request.path)):
            return False
        return not any(name in ("CONTENT-LENGTH", "TRANSFER-ENCODING") for name, _ in request.headers)

    def give(self, request: Any, client_socket: Any, address: object, listener: object) -> bool:
        """Give a connection away; False where nobody takes it, and then nothing was sent."""
        deadline = self._monotonic() + GIVE_SECONDS
        message = _encode(request, address, listener)
        while True:
            try:
                with _connected(self._path) as channel:
                    sent = system_socket.send_fds(channel, [message], [client_socket.fileno()])
                    channel.sendall(message[sent:])
            except OSError as error:
                if self._monotonic() >= deadline:
                    log.warning("the stream process can't be reached: %s", error)
                    return False
                gevent.sleep(_RETRY_SECONDS)
            else:
                return True


class Receiver:
    """The side of the stream process: `take` gets each connection, the bytes read from it, and two addresses."""

    def __init__(self, path: Path, take: Callable[[Any, bytes, Any, Any], object]) -> None:
        self._path = path
        self._take = take
        self._listening: Any = None
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Listen. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)  # nobody else may give us connections
        try:
            listening.bind(_address(self._path))
        finally:
            os.umask(before)
        listening.listen(1024)
        self._listening = listening
        self._greenlet = gevent.spawn(self._accept)

    def stop(self) -> None:
        """Take no more."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._listening.close()
            self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                channel, _ = self._listening.accept()
            except OSError:
                gevent.sleep(_RETRY_SECONDS)  # no file is left: others are closed meanwhile
                continue
            gevent.spawn(self._receive, channel)

    def _receive(self, channel: Any) -> None:
        descriptors: list[int] = []
        try:
            channel.settimeout(_RECEIVE_SECONDS)
            data, descriptors, _, _ = system_socket.recv_fds(channel, 64 * 1024, 1)
            while more := channel.recv(64 * 1024):
                data += more
                if len(data) > _LARGEST:
                    break
            document = json.loads(data)
            client = socket.socket(fileno=descriptors.pop())
            address, listener = (tuple(it) if isinstance(it, list) else it for it in document["addresses"])
            self._take(client, document["head"].encode("latin-1"), address, listener)
        except (OSError, ValueError, KeyError, IndexError) as error:
            log.warning("a connection could not be taken over: %s", error)
        finally:
            for descriptor in descriptors:
                with suppress(OSError):
                    os.close(descriptor)
            channel.close()


def _is_escaped(path: str) -> bool:
    """Whether it is one of the paths with characters in escapes (RFC 3986 section 6.2.2.2)."""
    try:
        return "%" in path and join_path(split_path(path)) in PATHS
    except ValueError:
        return False


def _encode(request: Any, address: object, listener: object) -> bytes:
    major, minor = request.version
    lines = [f"{request.method} {request.uri} HTTP/{major}.{minor}", *(f"{k}: {v}" for k, v in request.headers)]
    head = "\r\n".join([*lines, "", ""])
    return json.dumps({"head": head, "addresses": [address, listener]}).encode()


def _connected(path: Path) -> Any:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        channel.settimeout(1.0)
        channel.connect(_address(path))
    except BaseException:
        channel.close()
        raise
    return channel


def _address(path: Path) -> str:
    """The path as the kernel takes it: a long one relative to the working directory, where that is shorter."""
    text = str(path)
    return text if len(os.fsencode(text)) <= _LONGEST_PATH else os.path.relpath(text)

"""Gives the sockets that a service listens on to the command: `python -S hand_over.py SOCKET PROGRAM DESCRIPTOR...`.

A process of its own, with the standard library alone, because the gateway's gunicorn has sockets of gevent.
"""

import socket
import sys

SECONDS = 10.0


def main(path: str, program: str, descriptors: list[int]) -> None:
    """Send them with the program's name. Raises OSError when nobody listens at `path`."""
    with socket.socket(socket.AF_UNIX) as command:
        command.settimeout(SECONDS)
        command.connect(path)
        socket.send_fds(command, [f"give {program}".encode()], descriptors)
        command.recv(1)  # until the command has them


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], [int(word) for word in sys.argv[3:]])

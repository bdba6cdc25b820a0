"""The WSGI environment of a request."""

from collections.abc import Mapping
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi

from heartguard_gateway.server.client_connections import Client


def constant_environ(config: object) -> dict[str, object]:
    """What is the same for all requests of a worker."""
    return {**wsgi.base_environ(config), "wsgi.multithread": True}


def make_environ(constants: Mapping[str, object], request: Any, client: Client) -> dict[str, Any]:
    """The request as PEP 3333 has it.

    Gunicorn's own function makes anew for each request what never changes, and looks for header fields that only
    other servers send.
    """
    major, minor = request.version
    (own_name, own_port), (name, port) = _host_and_port(client.listener), _host_and_port(client.address)
    environ = {
        **constants,
        "wsgi.input": request.body,
        "wsgi.url_scheme": request.scheme,
        "REQUEST_METHOD": request.method,
        "RAW_URI": request.uri,
        "SCRIPT_NAME": "",
        "PATH_INFO": util.unquote_to_wsgi_str(request.path),
        "QUERY_STRING": request.query,
        "SERVER_PROTOCOL": f"HTTP/{major}.{minor}",
        "SERVER_NAME": own_name,
        "SERVER_PORT": own_port,
        "REMOTE_ADDR": name,
        "REMOTE_PORT": port,
    }
    for field, value in request.headers:
        key = field.replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def _host_and_port(address: object) -> tuple[str, str]:
    """A Unix socket has a path or nothing in place of a host, and no port."""
    return (address[0], str(address[1])) if isinstance(address, tuple) else (str(address), "")

"""Calls to a sister service, in JSON, with Basic credentials, short deadlines and the request's ids."""

import threading
from collections.abc import Mapping
from typing import Any

import requests

from heartguard_common.errors import SisterError
from heartguard_common.trace import onward_headers


class Sister:
    """A sister service as seen from here."""

    def __init__(self, base_url: str, name: str, secret: str, *, timeout_seconds: float = 5.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._auth = (name, secret)
        self._timeout = (1.0, timeout_seconds)
        self._local = threading.local()

    def get(self, path: str) -> dict[str, Any]:
        """The document at `path`. Raises `SisterError` GEN_502 when there is no usable answer."""
        return self._send("GET", path, None)

    def post(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a POSTed document. Raises `SisterError` GEN_502 when there is no usable answer."""
        return self._send("POST", path, document)

    def _send(self, method: str, path: str, document: Mapping[str, Any] | None) -> dict[str, Any]:
        headers = {"Accept": "application/json", **onward_headers()}
        try:
            response = self._session().request(
                method,
                self._base_url + path,
                json=document,
                headers=headers,
                auth=self._auth,
                timeout=self._timeout,
                allow_redirects=False,
            )
            if response.status_code >= 300:
                raise _refused(response)
            answer = response.json()
        except (requests.RequestException, ValueError) as error:
            raise SisterError from error
        if not isinstance(answer, dict):
            raise SisterError
        return answer

    def _session(self) -> requests.Session:
        # A Session is not safe to share between threads.
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        session: requests.Session = self._local.session
        return session


def _refused(response: requests.Response) -> SisterError:
    try:
        code = response.json()["error"]["code"]
    except (ValueError, KeyError, TypeError):
        code = None
    return SisterError(response.status_code, code if isinstance(code, str) else None)

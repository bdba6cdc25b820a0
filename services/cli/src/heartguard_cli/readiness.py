"""Asks each service whether it is ready, and what it depends on."""

import http.client
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

ASK_SECONDS = 3.0


@dataclass(frozen=True)
class Readiness:
    """What a service answers: `dependencies` maps names to `ok` or `failed`; `reached` is False for none.

    `reasons` maps the names of failed ones to what is wrong, where the service knows it.
    """

    reached: bool
    ready: bool
    dependencies: Mapping[str, str]
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> list[str]:
        """The dependencies that do not answer."""
        return [name for name, status in self.dependencies.items() if status != "ok"]

    def failure(self, name: str) -> str:
        """How a dependency failed, in a few words."""
        reason = self.reasons.get(name)
        return f"failed: {reason}" if reason else "failed"


NO_ANSWER = Readiness(reached=False, ready=False, dependencies={})


def ask(url: str) -> Readiness:
    """One GET of a `/ready`."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=ASK_SECONDS)
    try:
        connection.request("GET", parts.path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        document = json.loads(answer.read())
        items = document.get("dependencies", [])
        return Readiness(
            reached=True,
            ready=answer.status == http.HTTPStatus.OK,
            dependencies={item["name"]: item["status"] for item in items},
            reasons={item["name"]: str(item["reason"]) for item in items if "reason" in item},
        )
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return NO_ANSWER
    finally:
        connection.close()


def ask_all(urls: Mapping[str, str]) -> dict[str, Readiness]:
    """Ask several at once: name -> URL."""
    with ThreadPoolExecutor(max_workers=max(1, len(urls))) as pool:
        answers = pool.map(ask, urls.values())
        return dict(zip(urls, answers, strict=True))

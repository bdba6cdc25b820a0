"""Where hostile documents are sent: a good document of each, with a place to put the attack."""

from dataclasses import dataclass
from typing import Any

import requests

from heartguard_common.identity import policy
from tests.contract.cases import plain_xml
from tests.protection.callers import Person, World

MARK = "MARK"


@dataclass(frozen=True)
class Target:
    """A route that takes a document; in the good one a text is MARK."""

    method: str
    path: str
    message: str
    document: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def xml(self) -> str:
        """The good document, without a declaration."""
        return plain_xml(self.message, self.document).decode()

    @property
    def limit(self) -> int:
        """How many bytes the route takes."""
        row = policy.load().row(self.method, self.path)
        assert row is not None
        assert row.max_body is not None
        return row.max_body

    def send(self, world: World, who: Person | None, body: bytes, media_type: str) -> requests.Response:
        """Through the gateway; answers come in the format that was sent."""
        headers = {"Content-Type": media_type, "Accept": media_type, **(who.bearer if who else {})}
        return requests.request(self.method, world.urls["gateway"] + self.path, data=body, headers=headers, timeout=120)


POINT = {"measurement": "heart_rate", "tags": {"note": MARK}, "fields": {"bpm": 71}}
TARGETS = (
    Target("POST", "/auth/login", "LoginRequest", {"email": "nobody@hg.io", "password": f"Secret123 {MARK}"}),
    Target("PUT", "/organization", "OrganizationUpdate", {"name": MARK}),
    Target("PUT", "/users/me", "UserUpdate", {"full_name": MARK, "preferences": {"theme": "dark"}}),
    Target("POST", "/media/uploads", "UploadRequest", {"file_name": MARK, "content_type": "text/plain", "size": 2}),
    Target("POST", "/timeseries/write", "WriteRequest", {"bucket": "org_1", "points": [POINT]}),
    Target("POST", "/audit/events", "AuditEventRequest", {"actor": "me", "action": MARK, "service": "portal"}),
)

"""Messages by services that the library Apprise knows.

Its URLs come from admins of organizations, and some of its services reach whatever host a URL names, files or the
desktop of this machine. So only services of this table are used, those with a host of the admin's choice only for hosts
that the operator lists, only harmless parameters, and no redirects. Apprise is loaded when it is first needed.
"""

import logging
import re
import threading
from collections.abc import Collection
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from heartguard_alarm.domain.channels import Target
from heartguard_alarm.domain.notifications import Text
from heartguard_alarm.ports import UnacceptableUrl
from heartguard_common.core.retry import AttemptError

if TYPE_CHECKING:
    from apprise import NotifyBase

# Each sends to a host that the library knows. `fcm` and `vapid` are missing: they read key files that a URL names.
FIXED: Final = frozenset({"discord", "opsgenie", "pagerduty", "pbul", "pover", "slack", "tgram", "threema", "twilio"})
# Each sends to the host of the URL; ntfy without a server to ntfy.sh.
CHOSEN: Final = frozenset(
    {"form", "forms", "gotify", "gotifys", "json", "jsons", "mailto", "mailtos", "ntfy", "ntfys", "xml", "xmls"}
)
# Others read files or URLs (`template`, `attach`, `pgppub`), change where a message goes (`smtp`, `mode`, `redirect`),
# how long it takes (`rto`, `cto`), or whether certificates are checked (`verify`).
PARAMETERS: Final = frozenset({"from", "priority", "region", "silent", "sound", "tags", "thread", "to"})
TARGETS = 10
_SCHEMA = re.compile(r"[a-z]{3,16}")
_loading = threading.Lock()


class AppriseSender:
    """Sends messages by Apprise; `hosts` are those that the operator lists, each with a port where one is not usual."""

    def __init__(self, hosts: Collection[str]) -> None:
        self._hosts = frozenset(it.lower() for it in hosts)

    def accept(self, url: str) -> Target:
        """What a URL leads to. Raises `UnacceptableUrl` with a reason that quotes nothing of it."""
        found = self._open(url)
        schema = _schema(url)
        shown = f"{schema}://{self._place(found)}/..." if _chooses_host(schema, found) else f"{schema}://..."
        return Target(schema, shown, text=url)

    def send(self, url: str, text: Text) -> None:
        """Send a message. Raises `AttemptError`."""
        try:
            found = self._open(url)
        except UnacceptableUrl as error:  # the operator has changed the list of hosts
            raise AttemptError(str(error), permanent=True) from None
        try:
            taken = found.notify(body=text.text, title=text.subject)
        except Exception as error:  # noqa: BLE001  the plugins raise many types; their texts may quote the URL
            raise AttemptError(f"the service failed: {type(error).__name__}") from None
        if not taken:
            raise AttemptError("the service did not take the message")

    def _open(self, url: str) -> "NotifyBase":
        schema = _schema(url)
        if not _SCHEMA.fullmatch(schema) or schema not in FIXED | CHOSEN:
            raise UnacceptableUrl("is of no service that messages can be sent by")
        if not _parameters(url) <= PARAMETERS:
            raise UnacceptableUrl(f"may have no parameters but {', '.join(sorted(PARAMETERS))}")
        found = _instance(url)
        if found is None or schema not in _schemas(found) or not _harmless(found):
            raise UnacceptableUrl("is no URL that Apprise reads")
        if len(found) > TARGETS:
            raise UnacceptableUrl(f"must name at most {TARGETS} recipients")
        if _chooses_host(schema, found) and self._place(found) not in self._hosts:
            raise UnacceptableUrl("names a host that is not in ALARM_HOSTS")
        return found

    def _place(self, found: "NotifyBase") -> str:
        """Where a message goes: the host, with the port of the URL."""
        host = str(getattr(found, "smtp_host", "") or found.host).lower()
        return host if found.port is None else f"{host}:{found.port}"


def _schema(url: str) -> str:
    return url.partition("://")[0].lower()


def _schemas(found: "NotifyBase") -> set[str]:
    """The schemas of a service: each is a text or several."""
    named: tuple[str | tuple[str, ...] | None, ...] = (found.protocol, found.secure_protocol)
    return {text for it in named if it for text in ((it,) if isinstance(it, str) else it)}


def _parameters(url: str) -> frozenset[str]:
    """The names of the parameters, as Apprise reads them: behind the first question mark, in a fragment too."""
    pairs = re.split(r"[&;?]", url.partition("?")[2])
    return frozenset(unquote(it.partition("=")[0]).strip().lower() for it in pairs if it)


def _harmless(found: "NotifyBase") -> bool:
    """Whether nothing in the URL has changed what is the same for all: a second look at what `PARAMETERS` forbids."""
    usual = type(found)
    same = ("socket_connect_timeout", "socket_read_timeout", "verify_certificate")
    changed = any(getattr(found, name) != getattr(usual, name) for name in same)
    return not changed and not found.redirects and not getattr(found, "template", None)


def _chooses_host(schema: str, found: "NotifyBase") -> bool:
    return schema in CHOSEN and getattr(found, "mode", None) != "cloud"


def _instance(url: str) -> "NotifyBase | None":
    with _loading:  # it loads its modules when it is first used
        from apprise import Apprise, AppriseAsset, NotifyBase  # noqa: PLC0415  0.5 s that most processes can save

        # Its messages quote URLs, and those of urllib3 their paths, which have tokens.
        logging.getLogger("apprise").disabled = True
        logging.getLogger("urllib3").setLevel(logging.INFO)
        asset = AppriseAsset(http_redirects=False, async_mode=False, secure_logging=True)
        found = Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    return found if isinstance(found, NotifyBase) else None

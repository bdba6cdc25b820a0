"""The configuration of auth."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from heartguard_common.core.settings import Rate, SettingsError, choice, duration, rate, read, secret, variable, words
from heartguard_common.runtime.service_settings import ServiceSettings


@dataclass(frozen=True)
class SmtpServer:
    """A mail server: `tls` from the first byte (smtps, RFC 8314), else by STARTTLS unless `starttls` is off."""

    host: str
    port: int
    sender: str
    tls: bool
    starttls: bool = True
    user: str = ""
    password: str = ""


def smtp_server(text: str) -> SmtpServer:
    """A cast for `SMTP_URL`: `smtp[s]://user:password@host:port?from=address`, user and password percent-encoded.

    `&starttls=no` sends in clear, to a relay on this machine; together with a password it is refused.
    """
    parts = urlsplit(text)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    sender = options.pop("from", "")
    starttls = options.pop("starttls", "yes")
    known = parts.scheme in ("smtp", "smtps") and parts.hostname and not parts.path.strip("/")
    if not known or options or starttls not in ("yes", "no") or "@" not in sender:
        raise ValueError("must look like smtps://user:password@mail.example:465?from=heartguard@example.org")
    try:
        Address(addr_spec=sender)
    except (MessageError, ValueError, IndexError, AttributeError) as error:  # its parser raises all of these
        raise ValueError("must name an address in from=") from error
    if parts.password and parts.scheme == "smtp" and starttls == "no":
        raise ValueError("would send its password in clear: use smtps, or leave starttls=no away")
    tls = parts.scheme == "smtps"
    return SmtpServer(
        host=parts.hostname or "",
        port=parts.port or (465 if tls else 587),
        sender=sender,
        tls=tls,
        starttls=starttls == "yes",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """Read once at start. Durations are in seconds."""

    access_seconds: int = variable("JWT_EXPIRES_IN", duration("m"), default=3600)
    refresh_seconds: int = variable("REFRESH_TOKEN_TTL", duration("d"), default=14 * 86_400)
    key_ring_secret: str = variable("KEY_RING_SECRET", secret)
    registration: str = variable("REGISTRATION", choice("open", "invite", "closed"), default="open")
    email_confirmation: str = variable(
        "EMAIL_CONFIRMATION", choice("optional", "memberships", "login"), default="optional"
    )
    allowed_origins: tuple[str, ...] = variable("ALLOWED_ORIGINS", words, default=())
    rate_limit: Rate = variable("RATE_LIMIT", rate, default=Rate(100, 60))  # noqa: RUF009
    smtp: SmtpServer | None = variable("SMTP_URL", smtp_server, default=None)  # noqa: RUF009  variable() makes a field

    demo: str = variable("DEMO_ENABLED", choice("off", "on"), default="off")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the environment. Raises `SettingsError` with every problem."""
        found = read(cls, environ)
        if found.email_confirmation != "optional" and found.smtp is None:
            raise SettingsError("EMAIL_CONFIRMATION needs SMTP_URL: nobody could confirm an address without e-mails")
        return found

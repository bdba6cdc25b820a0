"""Encrypted backups: each file in the format of age, for the public keys of `BACKUP_RECIPIENTS`.

Only the holder of a private key (age calls it identity) can read them: what makes backups every day has none.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from heartguard_cli.backup.locations import Location
from heartguard_cli.backup.manifest import Entry, measure
from heartguard_cli.errors import CommandError

SUFFIX = ".age"


class Sealed:
    """A location whose files lie encrypted in another one, under their names with `SUFFIX`.

    `recipients` are needed to store, `identities` to fetch. `stored` has size and hash of each encrypted file that was
    stored, by the name without the suffix.
    """

    def __init__(self, inner: Location, *, recipients: Sequence[Any] = (), identities: Sequence[Any] = ()) -> None:
        self._inner = inner
        self._recipients = recipients
        self._identities = identities
        self.stored: dict[str, Entry] = {}

    def __str__(self) -> str:
        return str(self._inner)

    def names(self) -> Iterator[str]:
        """Every name."""
        return (name.removesuffix(SUFFIX) for name in self._inner.names() if name.endswith(SUFFIX))

    def fetch(self, name: str, target: Path) -> None:
        """Copy one, decrypted, to a local file. Raises FileNotFoundError, and `CommandError` if that can't be done."""
        import pyrage  # noqa: PLC0415 - only where backups are encrypted

        encrypted = target.with_name(target.name + SUFFIX)
        try:
            self._inner.fetch(name + SUFFIX, encrypted)
            pyrage.decrypt_file(str(encrypted), str(target), list(self._identities))
        except pyrage.DecryptError as error:
            raise CommandError(
                f"{name}{SUFFIX} can't be decrypted: it is damaged, or was made for another key ({error})"
            ) from None
        finally:
            encrypted.unlink(missing_ok=True)

    def store(self, name: str, source: Path) -> None:
        """Move a local file here, encrypted; it is durable afterwards, and never visible in part."""
        import pyrage  # noqa: PLC0415 - as above

        encrypted = source.with_name(source.name + SUFFIX)
        pyrage.encrypt_file(str(source), str(encrypted), list(self._recipients))
        self.stored[name] = measure(encrypted)
        self._inner.store(name + SUFFIX, encrypted)
        source.unlink()

    def remove(self, name: str) -> None:
        """Remove one; no error when there is none."""
        self._inner.remove(name + SUFFIX)

    def within(self, name: str) -> "Sealed":
        """The location below a name."""
        return Sealed(self._inner.within(name), recipients=self._recipients, identities=self._identities)


def read_recipients(texts: Sequence[str]) -> list[Any]:
    """The public keys that `BACKUP_RECIPIENTS` lists: `age1...`, or a line of an SSH key. Raises `CommandError`."""
    return [_recipient(text) for text in texts]


def read_identities(file: Path | None) -> list[Any]:
    """The private keys of a file that `backup key` or age-keygen wrote, or of an SSH key. Raises `CommandError`."""
    if file is None:
        return []
    from pyrage import IdentityError, ssh, x25519  # noqa: PLC0415 - as above

    content = file.read_text()
    try:
        if "PRIVATE KEY" in content:
            return [ssh.Identity.from_buffer(content.encode())]
        lines = [line.strip() for line in content.splitlines()]
        found = [x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except IdentityError as error:
        raise CommandError(f"{file} holds no private key of age or SSH: {error}") from None
    if not found:
        raise CommandError(f"{file} holds no private key")
    return found


def make_identity(file: Path) -> str:
    """Write a new private key to a file that does not exist yet, for its owner alone; returns the public key."""
    from pyrage import x25519  # noqa: PLC0415 - as above

    identity = x25519.Identity.generate()
    public = str(identity.to_public())
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CommandError(f"{file} exists: a private key is never overwritten") from None
    with os.fdopen(descriptor, "w") as stream:
        stream.write(f"# the private key of HeartGuard's backups; its public key is {public}\n{identity}\n")
        stream.flush()
        os.fsync(stream.fileno())
    return public


def _recipient(text: str) -> Any:
    from pyrage import RecipientError, ssh, x25519  # noqa: PLC0415 - as above

    try:
        return ssh.Recipient.from_str(text) if text.startswith("ssh-") else x25519.Recipient.from_str(text)
    except RecipientError as error:
        raise CommandError(
            f"BACKUP_RECIPIENTS holds {text[:20]!r}, which is no public key of age (age1...) or SSH (ssh-ed25519 ...,"
            f" ssh-rsa ...): {error}"
        ) from None

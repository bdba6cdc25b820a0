"""PostgreSQL under root: it refuses to run as root, so another user runs it."""

import functools
import os
import pwd
import shutil
from pathlib import Path

from heartguard_cli.child_processes import fails
from heartguard_cli.errors import CommandError

SYSTEM_USER = "heartguard-db"
UNSHARE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


@functools.cache
def postgres_prefix() -> tuple[str, ...]:
    """What stands before a PostgreSQL command, because PostgreSQL refuses to run as root.

    Empty for an ordinary user. Root maps itself to another number in a user namespace, which leaves file
    ownership alone; where namespaces are off, a system user of our own takes over.
    """
    if os.geteuid() != 0:
        return ()
    return UNSHARE if not fails([*UNSHARE, "true"]) else system_user_prefix()


def system_user_prefix(user: str = SYSTEM_USER) -> tuple[str, ...]:
    """Run as a system user, made when it is missing. Raises `CommandError` without useradd."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        made = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", user]
        if fails(made) or not shutil.which("setpriv"):
            raise CommandError(
                "PostgreSQL refuses to run as root and this system has neither user namespaces nor useradd: "
                "start HeartGuard as an ordinary user, or set DATABASE_URL"
            ) from None
    return ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")


def hand_over(*paths: Path) -> None:
    """Give files to the system user, where that is who runs PostgreSQL."""
    if SYSTEM_USER in " ".join(postgres_prefix()):
        user = pwd.getpwnam(SYSTEM_USER)
        for path in paths:
            os.chown(path, user.pw_uid, user.pw_gid)

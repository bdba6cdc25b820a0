"""An SMTP server that keeps each e-mail as a file before it answers: `python mail_server.py PORT DIRECTORY`.

What it is given while DIRECTORY/hold exists is kept as `*.held.eml` and not answered before that file is gone. It
imports nothing of the tests, which are importable in pytest only.
"""

import asyncio
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller


class Keeper:
    """Writes each e-mail to a file of `directory`, whole or not at all."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def handle_DATA(self, *call: Any) -> str:  # noqa: N802  the library's name
        held, name = (self._directory / "hold").exists(), uuid.uuid4().hex
        unfinished = self._directory / f"{name}.part"
        unfinished.write_bytes(call[2].content)
        unfinished.rename(self._directory / f"{name}{'.held' if held else ''}.eml")
        if held:
            await asyncio.to_thread(self._wait)
        return "250 taken"

    def _wait(self) -> None:
        while (self._directory / "hold").exists():
            time.sleep(0.02)


if __name__ == "__main__":
    Controller(Keeper(Path(sys.argv[2])), hostname="127.0.0.1", port=int(sys.argv[1])).start()
    signal.pause()

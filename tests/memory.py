"""How much memory a program holds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil


@dataclass(frozen=True)
class Held:
    """Bytes in memory; what processes share counts in equal parts, so that those of a program can be added up.

    `own`: what is no file's (Pss_Anon of proc(5)). `all`: with mapped files (Pss), of which a process's part becomes
    less while other programs map them too.
    """

    own: int = 0
    all: int = 0

    @classmethod
    def by(cls, process: psutil.Process) -> Self:
        """What a process holds."""
        rollup = Path(f"/proc/{process.pid}/smaps_rollup")
        if not rollup.exists():  # another system than Linux
            info = process.memory_full_info()
            return cls(info.uss, info.rss)
        lines = [line.split() for line in rollup.read_text().splitlines()[1:]]
        kibibytes = {words[0]: int(words[1]) for words in lines}
        return cls(kibibytes["Pss_Anon:"] * 1024, kibibytes["Pss:"] * 1024)

    @classmethod
    def by_family(cls, pid: int) -> Self:
        """What a process and all that it has started hold."""
        root = psutil.Process(pid)
        held = [cls.by(one) for one in (root, *root.children(recursive=True))]
        return cls(sum(one.own for one in held), sum(one.all for one in held))

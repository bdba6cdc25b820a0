"""A table as text, for a terminal."""

from collections.abc import Sequence


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """One line for the head and each row, columns as wide as their widest cell, two spaces apart."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join((indent + "  ".join(map(str.ljust, line, widths))).rstrip() for line in lines)

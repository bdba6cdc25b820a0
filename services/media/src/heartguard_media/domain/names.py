"""File names in Content-Disposition."""

import unicodedata
from urllib.parse import quote


def content_disposition(file_name: str) -> str:
    """`Content-Disposition: attachment` with the name for every reader (RFC 6266 section 4, RFC 8187).

    Path separators, quotes and marks that change the reading direction become underscores; a name that some systems
    take for a hidden file or a device gets one in front.
    """
    safe = "".join("_" if _dangerous(character) else character for character in file_name)
    if safe.startswith(".") or _stem(safe) in _DEVICES:
        safe = f"_{safe}"
    plain = unicodedata.normalize("NFKD", safe).encode("ascii", "ignore").decode().strip() or "file"
    # The plain form is made of other characters: what was harmless in full may be a device or hidden in ASCII.
    if plain.startswith(".") or _stem(plain) in _DEVICES:
        plain = f"_{plain}"
    plain = "".join("_" if _dangerous(character) else character for character in plain)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"


# Names that Windows gives to devices, whatever extension follows.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})


def _stem(name: str) -> str:
    return name.partition(".")[0].strip().lower()


def _dangerous(character: str) -> bool:
    return character in '/\\"%:*?<>|' or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")

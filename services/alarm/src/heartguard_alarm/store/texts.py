"""The texts of messages."""

from collections.abc import Mapping
from pathlib import Path

TEMPLATES = Path(__file__).resolve().with_name("templates")


def message_templates() -> Mapping[str, str]:
    """The templates of messages by name and language, such as `alarm.en`; each begins with its subject."""
    return {file.name.removesuffix(".txt"): file.read_text(encoding="utf-8") for file in TEMPLATES.glob("*.txt")}

"""The choice of a representation by the Accept header (RFC 9110 section 12.5.1)."""

import re
from collections.abc import Sequence
from functools import lru_cache

JSON = "application/json"
XML_TYPES = ("application/xml", "text/xml")

_LONGEST_KEPT = 512
_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z")


def choose(accept: str | None, offers: Sequence[str]) -> str | None:
    """The offer that an Accept header prefers, None when it accepts none (RFC 9110 section 12.5.1).

    The most specific range decides the quality of an offer; of equal qualities the earlier offer wins. A missing or
    empty header accepts everything.
    """
    if accept is None or not accept.strip():
        return offers[0] if offers else None
    # A long header is not kept: anonymous clients could fill the memory with them.
    asked = _preferred if len(accept) <= _LONGEST_KEPT else _preferred.__wrapped__
    return asked(accept, tuple(offers))


@lru_cache(maxsize=1024)
def _preferred(accept: str, offers: tuple[str, ...]) -> str | None:
    ranges = [parsed for part in accept.split(",") if (parsed := _media_range(part))]
    best, best_quality = None, 0.0
    for offer in offers:
        matching = [(specific, quality) for name, specific, quality in ranges if _matches(name, offer)]
        quality = max(matching)[1] if matching else 0.0
        if quality > best_quality:
            best, best_quality = offer, quality
    return best


def _media_range(part: str) -> tuple[str, int, float] | None:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality, specific = 1.0, 0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            if not _QUALITY.match(value.strip()):
                return None
            quality = float(value)
            break
        if parameter and (key.strip(), value.strip(' "')) != ("charset", "utf-8"):
            return None  # no offer has parameters, so a range with one matches nothing
        specific += 1
    if name != "*/*":
        specific += 100 if name.endswith("/*") else 200
    return name, specific, quality


def _matches(name: str, offer: str) -> bool:
    return name in ("*/*", offer) or (name.endswith("/*") and offer.startswith(name[:-1]))

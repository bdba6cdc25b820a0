"""The routes by which the operator sees the failed items of a service, has them tried again, and drops them."""

from typing import Any
from uuid import UUID

from heartguard_common.dead_letters import DeadLetters
from heartguard_common.messages import DeadLetter, DeadLetterList, DeadLetterQuery
from heartguard_common.paging import DEFAULT_LIMIT, decode_cursor, page
from heartguard_common.routing import Answer, Call, EmptyCall, Route

DEAD_LETTERS = "/dead-letters"
_NO_STORE = {"Cache-Control": "no-store"}


def list_letters(letters: DeadLetters, call: Call[None, DeadLetterQuery]) -> Answer[DeadLetterList]:
    """GET {prefix}/dead-letters."""
    limit = call.query.get("limit", DEFAULT_LIMIT)
    after = decode_cursor(call.query.get("cursor"), UUID)
    rows = letters.page(call.query, after[0] if after else None, limit + 1)
    shown = page(rows, limit, lambda row: row.document(letters.service), lambda row: [row.id])
    return Answer({"items": shown.items, "next_cursor": shown.next_cursor}, headers=_NO_STORE)


def read_letter(letters: DeadLetters, call: EmptyCall) -> Answer[DeadLetter]:
    """GET {prefix}/dead-letters/{letter_id}."""
    return Answer(letters.find(call.params["letter_id"]).document(letters.service), headers=_NO_STORE)


def retry_letter(letters: DeadLetters, call: EmptyCall) -> Answer[None]:
    """POST {prefix}/dead-letters/{letter_id}/retry."""
    letters.retry(call.person, call.params["letter_id"])
    return Answer(None)


def drop_letter(letters: DeadLetters, call: EmptyCall) -> Answer[None]:
    """DELETE {prefix}/dead-letters/{letter_id}."""
    letters.drop(call.person, call.params["letter_id"])
    return Answer(None)


def dead_letter_routes(prefix: str) -> tuple[Route[DeadLetters, Any], ...]:
    """Rows for a service's route table, over its `DeadLetters`; `prefix` as in `/auth`."""
    path = prefix + DEAD_LETTERS
    return (
        Route("GET", path, list_letters),
        Route("GET", path + "/{letter_id}", read_letter),
        Route("POST", path + "/{letter_id}/retry", retry_letter, status=204),
        Route("DELETE", path + "/{letter_id}", drop_letter, status=204),
    )

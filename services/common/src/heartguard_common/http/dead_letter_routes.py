"""The routes by which the operator sees the failed items of a service, has them tried again, and drops them."""

from typing import Any
from uuid import UUID

from heartguard_common.http.paging import DEFAULT_LIMIT, decode_cursor, page
from heartguard_common.http.routing import Answer, Call, EmptyCall, Route
from heartguard_common.jobs.dead_letters import DeadLetters
from heartguard_common.messages import DeadLetter, DeadLetterList, DeadLetterQuery

DEAD_LETTERS = "/dead-letters"
_NO_STORE = {"Cache-Control": "no-store"}


def list_dead_letters(dead_letters: DeadLetters, call: Call[None, DeadLetterQuery]) -> Answer[DeadLetterList]:
    """List the failed items of the service's queues."""
    limit = call.query.get("limit", DEFAULT_LIMIT)
    after = decode_cursor(call.query.get("cursor"), UUID)
    rows = dead_letters.page(call.query, after[0] if after else None, limit + 1)
    shown = page(rows, limit, lambda row: row.document(dead_letters.service), lambda row: [row.id])
    return Answer({"items": shown.items, "next_cursor": shown.next_cursor}, headers=_NO_STORE)


def read_dead_letter(dead_letters: DeadLetters, call: EmptyCall) -> Answer[DeadLetter]:
    """Read a failed item and why it failed."""
    return Answer(dead_letters.find(call.params["letter_id"]).document(dead_letters.service), headers=_NO_STORE)


def retry_dead_letter(dead_letters: DeadLetters, call: EmptyCall) -> Answer[None]:
    """Retry a failed item."""
    dead_letters.retry(call.person, call.params["letter_id"])
    return Answer(None)


def drop_dead_letter(dead_letters: DeadLetters, call: EmptyCall) -> Answer[None]:
    """Remove a failed item without a retry."""
    dead_letters.drop(call.person, call.params["letter_id"])
    return Answer(None)


def dead_letter_routes(prefix: str) -> tuple[Route[DeadLetters, Any], ...]:
    """The routes of a service, which work on its `DeadLetters`; `prefix` as in `/auth`."""
    path = prefix + DEAD_LETTERS
    return (
        Route("GET", path, list_dead_letters),
        Route("GET", path + "/{letter_id}", read_dead_letter),
        Route("POST", path + "/{letter_id}/retry", retry_dead_letter, status=204),
        Route("DELETE", path + "/{letter_id}", drop_dead_letter, status=204),
    )

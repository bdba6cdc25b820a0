"""The routes by which the operator sees the failed items of a service, has them tried again, and drops them."""

from uuid import UUID

from heartguard_common.dead_letters import DeadLetters
from heartguard_common.paging import DEFAULT_LIMIT, decode_cursor, page
from heartguard_common.routing import Answer, Call, Route

DEAD_LETTERS = "/dead-letters"
_NO_STORE = {"Cache-Control": "no-store"}


def list_letters(letters: DeadLetters, call: Call) -> Answer:
    """GET {prefix}/dead-letters."""
    limit = call.query.get("limit", DEFAULT_LIMIT)
    after = decode_cursor(call.query.get("cursor"), UUID)
    rows = letters.page(call.query, after[0] if after else None, limit + 1)
    return Answer(page(rows, limit, lambda row: row.document(letters.service), lambda row: [row.id]), headers=_NO_STORE)


def read_letter(letters: DeadLetters, call: Call) -> Answer:
    """GET {prefix}/dead-letters/{letter_id}."""
    return Answer(letters.find(call.params["letter_id"]).document(letters.service), headers=_NO_STORE)


def retry_letter(letters: DeadLetters, call: Call) -> Answer:
    """POST {prefix}/dead-letters/{letter_id}/retry."""
    letters.retry(call.person, call.params["letter_id"])
    return Answer()


def drop_letter(letters: DeadLetters, call: Call) -> Answer:
    """DELETE {prefix}/dead-letters/{letter_id}."""
    letters.drop(call.person, call.params["letter_id"])
    return Answer()


def dead_letter_routes(prefix: str) -> tuple[Route, ...]:
    """Rows for a service's route table, over its `DeadLetters`; `prefix` as in `/auth`."""
    path = prefix + DEAD_LETTERS
    return (
        Route("GET", path, list_letters, gives="DeadLetterList", query="DeadLetterQuery", body="none"),
        Route("GET", path + "/{letter_id}", read_letter, gives="DeadLetter", body="none"),
        Route("POST", path + "/{letter_id}/retry", retry_letter, status=204, body="none"),
        Route("DELETE", path + "/{letter_id}", drop_letter, status=204, body="none"),
    )

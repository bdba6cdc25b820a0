"""The state of an evaluation as a JSON document, between two batches of points."""

import json
from collections import deque

from heartguard_alarm.domain.criteria import Eras, Level
from heartguard_alarm.domain.episodes import Interval
from heartguard_alarm.domain.evaluation import Evaluator, Window

LONGEST = 4000
"""Spans of a state that is kept. A longer one, of a value that keeps crossing the threshold, is read from the store."""


def dump_state(evaluator: Evaluator) -> str | None:
    """The document of a state, None where it would be too long."""
    if len(evaluator.above.spans) + len(evaluator.clear.spans) > LONGEST:
        return None
    opened = evaluator.open
    return json.dumps(
        {
            "open": None if opened is None else [opened.start_ns, opened.raised_ns],
            "closed": evaluator.closed_ns,
            "position": evaluator.position_ns,
            "run": evaluator.run_ns,
            "level": int(evaluator.level),
            "above": [evaluator.above.length_ns, list(evaluator.above.spans)],
            "clear": [evaluator.clear.length_ns, list(evaluator.clear.spans)],
        },
        separators=(",", ":"),
    )


def load_state(text: str, eras: Eras) -> Evaluator:
    """The state of a document that `dump_state` has made."""
    document = json.loads(text)
    return Evaluator(
        eras,
        open=None if document["open"] is None else Interval(*document["open"]),
        closed_ns=document["closed"],
        position_ns=document["position"],
        run_ns=document["run"],
        level=Level(document["level"]),
        above=_window(Level.BREACH, *document["above"]),
        clear=_window(Level.CLEAR, *document["clear"]),
    )


def _window(level: Level, length_ns: int, spans: list[tuple[int, int]]) -> Window:
    held = deque((begin, end) for begin, end in spans)
    return Window(level, length_ns, held, sum(end - begin for begin, end in held))

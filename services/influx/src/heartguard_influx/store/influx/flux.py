"""The queries sent to InfluxDB.

Their texts are made of constants, places and widths counted here. A value of a request travels beside the text, as a
bound parameter, and never in it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heartguard_common.clock import NANOSECONDS
from heartguard_influx.domain.point import PERSON_TAG
from heartguard_influx.domain.query import Selection

# Flux can't bind the name of a column. Names of this kind can stand in the text; tags of others are told apart here.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
FUNCTIONS = frozenset({"mean", "min", "max", "sum", "count", "first", "last", "stddev"})


@dataclass(frozen=True)
class Instant:
    """An instant as a parameter, in nanoseconds since 1970-01-01T00:00:00Z."""

    time_ns: int


Parameter = str | Instant


@dataclass(frozen=True)
class Query:
    """A text of Flux and the values of its parameters."""

    text: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


def select(bucket: str, selection: Selection, fields: Sequence[str]) -> Query:
    """The points of a selection that carry the fields, series by series in order of time.

    Tags with unusual names are left to the caller, who knows the series of the selection.
    """
    tests = ["r._measurement == _measurement"]
    parameters: dict[str, Parameter] = {
        "_bucket": bucket,
        "_start": Instant(selection.start_ns),
        "_stop": Instant(selection.stop_ns),
        "_measurement": selection.measurement,
    }
    if fields:
        tests.append("(" + " or ".join(f"r._field == _field_{place}" for place in range(len(fields))) + ")")
        parameters |= {f"_field_{place}": name for place, name in enumerate(fields)}
    tags = dict(selection.tags)
    if selection.person is not None:
        tags[PERSON_TAG] = str(selection.person)
    for place, (name, value) in enumerate(sorted(tags.items())):
        if _PLAIN.fullmatch(name):
            tests.append(f'r["{name}"] == _tag_{place}')
            parameters[f"_tag_{place}"] = value
    return _from(" and ".join(tests), parameters)


def everything(bucket: str, start_ns: int, stop_ns: int, person: int | None) -> Query:
    """All points of a range of a bucket, or one person's."""
    parameters: dict[str, Parameter] = {
        "_bucket": bucket,
        "_start": Instant(start_ns),
        "_stop": Instant(stop_ns),
    }
    if person is None:
        return Query("from(bucket: _bucket) |> range(start: _start, stop: _stop)", parameters)
    return _from(f'r["{PERSON_TAG}"] == _person', {**parameters, "_person": str(person)})


def first_of_each(query: Query, count: int, *, descending: bool) -> Query:
    """The first `count` rows of each series and field, or the last."""
    order = ' |> sort(columns: ["_time"], desc: true)' if descending else ""
    return Query(f"{query.text}{order} |> limit(n: {int(count)})", query.parameters)


def totals(query: Query, function: str) -> Query:
    """One value for each series and field."""
    return Query(f"{query.text} |> {_known(function)}()", query.parameters)


def by_windows(query: Query, function: str, width_ns: int) -> Query:
    """One value for each series, field and window that holds points; `_time` is the end of the window's part."""
    every = f"{int(width_ns)}ns" if width_ns % NANOSECONDS else f"{width_ns // NANOSECONDS}s"
    windows = f"aggregateWindow(every: {every}, fn: {_known(function)}, createEmpty: false)"
    return Query(f"{query.text} |> {windows}", query.parameters)


def predicate(columns: Mapping[str, str]) -> str:
    """A delete predicate: all of the columns hold these values. Names and values are quoted whatever they are."""
    return " AND ".join(f"{_quoted(name)}={_quoted(value)}" for name, value in columns.items())


def _quoted(value: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", value).replace("\n", r"\n") + '"'


def _known(function: str) -> str:
    if function not in FUNCTIONS:
        raise ValueError("not a function that is asked of the server")
    return function


def _from(tests: str, parameters: Mapping[str, Parameter]) -> Query:
    text = f"from(bucket: _bucket) |> range(start: _start, stop: _stop) |> filter(fn: (r) => {tests})"
    return Query(text, parameters)

"""The queries sent to InfluxDB.

Their texts are made of constants, of numbers of fields and series, and of widths. A value of a request is never part of
the text: it is sent beside it as a bound parameter.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from heartguard_common.core.clock import NANOSECONDS
from heartguard_influx.series.domain import PERSON_TAG, Selection, Tags

# Flux can't bind the name of a column. Names like these are part of the text; tags with other names are not tested.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
FUNCTIONS = frozenset({"mean", "min", "max", "sum", "count", "first", "last", "stddev"})
# Directly after range and filter the server's answer to these never ends if the range ends before 1970. After a group()
# by series they are right for every range, and no slower (observed on 2.7.12).
_ENDLESS = frozenset({"mean", "sum", "count"})
_NARROWING_TAGS = 256
_EACH_SERIES = 'group(columns: ["_value", "_time", "_start", "_stop"], mode: "except")'


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

    @property
    def bucket(self) -> str:
        """The name of the bucket that is asked."""
        return str(self.parameters["_bucket"])


def select(bucket: str, selection: Selection, fields: Sequence[str], series: Sequence[Tags] = ()) -> Query:
    """The points of a selection with the fields, series by series in order of time; only of `series` where given.

    The answer may have rows of other series: tags with unusual names are not tested, nor whether a series has more tags
    than those of the query. The caller, who knows the series of the selection, drops these rows.
    """
    tests = ["r._measurement == _measurement"]
    parameters: dict[str, Parameter] = {
        "_bucket": bucket,
        "_start": Instant(selection.start_ns),
        "_stop": Instant(selection.stop_ns),
        "_measurement": selection.measurement,
    }
    if fields:
        tests.append(f"({_any_of([f'r._field == _field_{place}' for place in range(len(fields))])})")
        parameters |= {f"_field_{place}": name for place, name in enumerate(fields)}
    tags = dict(selection.tags)
    if selection.person is not None:
        tags[PERSON_TAG] = str(selection.person)
    for place, (name, value) in enumerate(sorted(tags.items())):
        if _PLAIN.fullmatch(name):
            tests.append(f'r["{name}"] == _tag_{place}')
            parameters[f"_tag_{place}"] = value
    if series and sum(len(tags) for tags in series) <= _NARROWING_TAGS:
        narrow = [_of_series(place, tags, parameters) for place, tags in enumerate(series)]
        if all(narrow):
            tests.append(f"({_any_of(narrow)})")
    return _from(" and ".join(tests), parameters)


def _of_series(place: int, tags: Tags, parameters: dict[str, Parameter]) -> str:
    """The test of a series by its tags with plain names, empty where it has none; binds their values."""
    tests = []
    for number, (name, value) in enumerate(tags):
        if _PLAIN.fullmatch(name):
            tests.append(f'r["{name}"] == _series_{place}_{number}')
            parameters[f"_series_{place}_{number}"] = value
    return f"({' and '.join(tests)})" if tests else ""


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


@dataclass(frozen=True)
class Kind:
    """What is read as one result: fields of one type, by their indexes among those of the query.

    `sign` is `==` for the empty strings of string fields, `!=` for the others, and empty for other types. In a column
    of equal strings followed by an empty one, the server moves the values after it up by a row while they are in its
    cache (Flux 0.196.1), so the empty strings are read by themselves.
    """

    fields: tuple[int, ...]
    sign: Literal["", "==", "!="] = ""


def page(query: Query, kinds: Sequence[Kind], limits: Sequence[tuple[int, int]], *, descending: bool) -> Query:
    """The first rows of all series together in order of time, each kind a result of its own.

    `limits` are, for each kind, the rows of each series and field, and of all together.
    """
    taken, order = ("tail", ", desc: true") if descending else ("limit", "")

    def rows(each: int, whole: int) -> str:
        return f'{taken}(n: {int(each)}) |> group() |> sort(columns: ["_time"]{order}) |> limit(n: {int(whole)})'

    return _of_kinds(query, kinds, [rows(*limit) for limit in limits])


def page_of_each(query: Query, kinds: Sequence[Kind], count: int, *, descending: bool) -> Query:
    """The first `count` rows of each series and field, or the last; the order among them is the server's."""
    return _of_kinds(query, kinds, [f"{'tail' if descending else 'limit'}(n: {int(count)})"] * len(kinds))


def raw(query: Query, kinds: Sequence[Kind]) -> Query:
    """All rows, series by series."""
    return _of_kinds(query, kinds, [""] * len(kinds))


def result_name(place: int, kinds: Sequence[Kind]) -> str:
    """The name of the result of a kind in the answer."""
    return f"rows_{place}" if len(kinds) > 1 else "_result"


def totals(query: Query, *functions: str) -> Query:
    """One value for each series, field and function, whose name is the result's."""
    parts = [f"{_EACH_SERIES} |> {_known(name)}()" if name in _ENDLESS else f"{_known(name)}()" for name in functions]
    return _results(query, list(zip(functions, parts, strict=True)))


def by_windows(query: Query, width_ns: int, *functions: str) -> Query:
    """One value for each series, field, function and window that holds points; `_time` is the end of the window's part.

    The result's name is the function's.
    """
    every = f"{int(width_ns)}ns" if width_ns % NANOSECONDS else f"{width_ns // NANOSECONDS}s"
    parts = [f"aggregateWindow(every: {every}, fn: {_known(name)}, createEmpty: false)" for name in functions]
    return _results(query, list(zip(functions, parts, strict=True)))


def _of_kinds(query: Query, kinds: Sequence[Kind], stages: Sequence[str]) -> Query:
    parts = []
    several = len({kind.fields for kind in kinds}) > 1
    for place, (kind, stage) in enumerate(zip(kinds, stages, strict=True)):
        tests = [f"({_any_of([f'r._field == _field_{number}' for number in kind.fields])})"] if several else []
        tests += [f'r._value {kind.sign} ""'] if kind.sign else []
        narrowed = f"filter(fn: (r) => {' and '.join(tests)})" if tests else ""
        parts.append((result_name(place, kinds), _then(narrowed, stage)))
    return _results(query, parts)


def _then(*stages: str) -> str:
    return " |> ".join(stage for stage in stages if stage)


def _results(query: Query, parts: Sequence[tuple[str, str]]) -> Query:
    """One request that applies each part to the same rows; several results need names."""
    if len(parts) == 1:
        return Query(_then(query.text, parts[0][1]), query.parameters)
    # A function, because a variable is computed once and stored, which took twice the time.
    lines = [_then("data()", part, f'yield(name: "{name}")') for name, part in parts]
    return Query("\n".join([f"data = () => {query.text}", *lines]), query.parameters)


def _any_of(tests: Sequence[str]) -> str:
    """The tests joined by `or` as a balanced tree, because the server refuses a nesting of some 170 levels."""
    if len(tests) < 2:
        return tests[0]
    middle = len(tests) // 2
    return " or ".join(f"({_any_of(part)})" if len(part) > 1 else part[0] for part in (tests[:middle], tests[middle:]))


def predicate(columns: Mapping[str, str]) -> str:
    """A delete predicate: all of these columns have these values. Names and values are always quoted."""
    return " AND ".join(f"{_quoted(name)}={_quoted(value)}" for name, value in columns.items())


def _quoted(value: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", value).replace("\n", r"\n") + '"'


def _known(function: str) -> str:
    if function not in FUNCTIONS:
        raise ValueError("not a function that queries may use")
    return function


def _from(tests: str, parameters: Mapping[str, Parameter]) -> Query:
    text = f"from(bucket: _bucket) |> range(start: _start, stop: _stop) |> filter(fn: (r) => {tests})"
    return Query(text, parameters)

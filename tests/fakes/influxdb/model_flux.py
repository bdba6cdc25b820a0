"""Flux as far as the model of InfluxDB goes: filter, group, sort, limit, tail, aggregates, windows, yields.

It also moves texts to other instants where a real server does (`_moved`), so that a query which reads them wrong fails.
"""

import csv
import io
import math
import re
import statistics
from decimal import Decimal

from heartguard_common.core.clock import parse_rfc3339, rfc3339
from tests.fakes.influxdb.model_tests import longest_chain, passes

SECONDS_NS = {"ns": 1, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
FUNCTIONS = {
    "mean": statistics.fmean,
    "min": min,
    "max": max,
    "sum": sum,
    "count": len,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "median": statistics.median,
    "stddev": lambda values: statistics.stdev(values) if len(values) > 1 else math.nan,
}
EACH_SERIES = 'group(columns: ["_value", "_time", "_start", "_stop"], mode: "except")'
SELECTORS = frozenset({"min", "max", "first", "last"})
ENDLESS = frozenset({"mean", "sum", "count"})
STILL = frozenset({"first()", "last()", "count()", EACH_SERIES})  # right behind the filters these move no texts
FIRST_NS, LAST_NS = -(2**63), 2**63 - 1
TYPES = {float: "double", int: "long", bool: "boolean", str: "string"}


class NoSuchBucketError(Exception):
    """The bucket's name."""


class EmptyRangeError(Exception):
    """A range that ends before it begins."""


class EndlessError(Exception):
    """A question that the real server answers without end."""


class NestedError(Exception):
    """A chain of more tests than the real server reads."""


class HangingError(Exception):
    """A question that the real server never answers."""


nanoseconds = parse_rfc3339


class Table:
    """Rows of (time, value, columns of their own); `columns` are those of the group key."""

    def __init__(self, columns, rows, *, timed=True, edged=True):
        self.columns, self.rows, self.timed, self.edged = columns, rows, timed, edged


def answer_query(text, bound, buckets):
    """Annotated CSV of what a query finds; `bound` holds literals of the parameters, `buckets` points by name."""
    statements = text.split("\n")
    source = None
    if match := re.fullmatch(r"data = \(\) => (.+)", statements[0]):
        source, statements = match[1], statements[1:]
    parts = []
    for statement in statements:
        whole = statement.replace("data()", source, 1) if source else statement
        stages = whole.split(" |> ")
        name = "_result"
        if match := re.fullmatch(r'yield\(name: "(.+)"\)', stages[-1]):
            name, stages = match[1], stages[:-1]
        parts.append(_result(stages, name, bound, buckets))
    # The real server gives several results in either order.
    return "".join(reversed(parts))


def _result(stages, name, bound, buckets):
    first, second, *stages = stages
    bucket = _value(re.fullmatch(r"from\(bucket: (.+)\)", first)[1], bound)
    if bucket not in buckets:
        raise NoSuchBucketError(bucket)
    edges = re.fullmatch(r"range\(start: (.+), stop: (.+)\)", second)
    start, stop = _instant(edges[1], bound), _instant(edges[2], bound)
    if start >= stop:
        raise EmptyRangeError
    tables = []
    for (measurement, tags, field), values in sorted(buckets[bucket].items()):
        rows = [(time_ns, values[time_ns], {}) for time_ns in sorted(values) if start <= time_ns < stop]
        tables.append(Table({"_field": field, "_measurement": measurement, **dict(tags)}, rows))
    filters = [match[1] for stage in stages if (match := re.fullmatch(r"filter\(fn: \(r\) => (.+)\)", stage))]
    assert stages[: len(filters)] == [f"filter(fn: (r) => {test})" for test in filters], "filters come first"
    if any(longest_chain(test) > 168 for test in filters):
        raise NestedError
    for test in filters:
        tables = [_filtered(table, test, bound) for table in tables]
    rest = stages[len(filters) :]
    if not any("r._value" in test for test in filters) and not (rest and rest[0] in STILL):
        tables = [_with(table, _moved(table.rows)) for table in tables]
    if rest and rest[0].removesuffix("()") in ENDLESS and stop <= 0 and any(table.rows for table in tables):
        raise EndlessError
    for stage in rest:
        tables = [table for table in _apply(stage, tables, (start, stop)) if table.rows]
    return _csv([table for table in tables if table.rows], start, stop, name)


def _moved(rows):
    """What a 2.7.12 gives for texts in its cache: an empty one behind equal others is lost, those behind it move up."""
    texts = [value for _, value, _ in rows]
    place = next((at for at, value in enumerate(texts) if value != texts[0]), None)
    if not rows or type(texts[0]) is not str or texts[0] == "" or place is None or texts[place] != "":
        return rows
    texts = [*texts[:place], *texts[place + 1 :], ""]
    return [(time_ns, value, own) for (time_ns, _, own), value in zip(rows, texts, strict=True)]


def _filtered(table, test, bound):
    rows = [row for row in table.rows if passes(test, {**table.columns, "_value": row[1]}, bound)]
    return Table(table.columns, rows)


def _apply(stage, tables, edges):
    if stage == "group()":
        return [Table({}, [(at, value, table.columns) for table in tables for at, value, _ in table.rows])]
    if stage == EACH_SERIES:
        return [Table(table.columns, table.rows, edged=False) for table in tables]
    if match := re.fullmatch(r"([a-z]+)\(\)", stage):
        return [_total(table, match[1]) for table in tables if table.rows]
    change = _change(stage, edges)
    return [_with(table, change(table.rows)) for table in tables]


def _change(stage, edges):
    """What a stage makes of the rows of each table."""
    if match := re.fullmatch(r'sort\(columns: \["_time"\](, desc: true)?\)', stage):
        return lambda rows: sorted(rows, key=lambda row: row[0], reverse=bool(match[1]))
    if match := re.fullmatch(r"(limit|tail)\(n: ([0-9]+)\)", stage):
        count = int(match[2])
        return (lambda rows: rows[:count]) if match[1] == "limit" else (lambda rows: rows[-count:])
    match = re.fullmatch(r"aggregateWindow\(every: ([0-9]+)(ns|s|m|h), fn: ([a-z]+), createEmpty: false\)", stage)
    width = int(match[1]) * SECONDS_NS[match[2]]
    return lambda rows: _windows(rows, width, FUNCTIONS[match[3]], edges[1])


def _with(table, rows):
    return Table(table.columns, rows, timed=table.timed, edged=table.edged)


def _total(table, name):
    """One row: of a selector the whole row that it selects, of an aggregate its value without a time."""
    value = FUNCTIONS[name]([value for _, value, _ in table.rows])
    if name in SELECTORS:
        rows = table.rows[::-1] if name == "last" else table.rows
        return _with(table, [next(row for row in rows if row[1] == value)])
    return Table(table.columns, [(0, value, {})], timed=False, edged=table.edged)


def _windows(rows, width, function, stop):
    gathered = {}
    if rows and function is not min and rows[0][0] // width * width < FIRST_NS:
        raise EndlessError
    if rows and (rows[-1][0] // width + 1) * width > LAST_NS:
        raise HangingError
    for time_ns, value, _ in rows:
        gathered.setdefault(min((time_ns // width + 1) * width, stop), []).append(value)
    return [(end, function(values), {}) for end, values in gathered.items()]


def _value(text, bound):
    return text[1:-1] if text.startswith('"') else bound[text]["value"]


def _instant(text, bound):
    return int(text) * 10**9 if text.isdigit() else parse_rfc3339(bound[text]["value"])


def _csv(tables, start, stop, name):
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n").writerow
    shape = None
    for number, table in enumerate(tables):
        own = sorted({column for _, _, columns in table.rows for column in columns})
        leading = [*(["_start", "_stop"] if table.edged else []), *(["_time"] if table.timed else [])]
        names = [*leading, "_value", *own, *table.columns]
        kind = TYPES[type(table.rows[0][1])]
        assert all(TYPES[type(value)] == kind for _, value, _ in table.rows), "schema collision"
        if (kind, names) != shape:
            if shape is not None:
                write([])
            shape = (kind, names)
            times = ["dateTime:RFC3339"] * len(leading)
            write(["#datatype", "string", "long", *times, kind, *["string"] * len([*own, *table.columns])])
            key = ["false" if column in ("_time", "_value", *own) else "true" for column in names]
            write(["#group", "false", "false", *key])
            write(["#default", name, *[""] * (len(names) + 1)])
            write(["", "result", "table", *names])
        for time_ns, value, columns in table.rows:
            edges = [rfc3339(start), rfc3339(stop)] if table.edged else []
            times = [*edges, *([rfc3339(time_ns)] if table.timed else [])]
            own_cells = [columns.get(column, "") for column in own]
            write(["", "", number, *times, _cell(value), *own_cells, *table.columns.values()])
    if shape is not None:
        write([])
    return out.getvalue() or "\r\n"


def _cell(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        text = format(Decimal(repr(value)), "f")
        return text.removesuffix(".0")
    # Go's CSV writer, asked to end lines with CR LF, drops CR in cells and writes LF as both.
    return value.replace("\r", "").replace("\n", "\r\n") if isinstance(value, str) else value

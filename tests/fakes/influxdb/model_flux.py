"""Flux as far as the model of InfluxDB goes: from, range, filter by equality, sort, limit, aggregates, windows."""

import csv
import io
import math
import re
import statistics
from decimal import Decimal

from heartguard_common.clock import parse_rfc3339, rfc3339

SECONDS = {"s": 1, "m": 60, "h": 3600}
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
SELECTORS = frozenset({"min", "max", "first", "last"})
TYPES = {float: "double", int: "long", bool: "boolean", str: "string"}


class NoSuchBucketError(Exception):
    """The bucket's name."""


class EmptyRangeError(Exception):
    """A range that ends before it begins."""


nanoseconds = parse_rfc3339


def answer_query(text, bound, buckets):
    """Annotated CSV of what a query finds; `bound` holds literals of the parameters, `buckets` points by name."""
    first, second, *stages = text.split(" |> ")
    name = _value(re.fullmatch(r"from\(bucket: (.+)\)", first)[1], bound)
    if name not in buckets:
        raise NoSuchBucketError(name)
    edges = re.fullmatch(r"range\(start: (.+), stop: (.+)\)", second)
    start, stop = _instant(edges[1], bound), _instant(edges[2], bound)
    if start >= stop:
        raise EmptyRangeError
    tables = []
    for (measurement, tags, field), values in sorted(buckets[name].items()):
        rows = [(time_ns, values[time_ns]) for time_ns in sorted(values) if start <= time_ns < stop]
        columns = {"_field": field, "_measurement": measurement, **dict(tags)}
        tables.append((columns, rows))
    timed = True
    for stage in stages:
        tables, timed = _apply(stage, tables, timed, bound, (start, stop))
    return _csv([table for table in tables if table[1]], start, stop, timed=timed)


def _apply(stage, tables, timed, bound, edges):
    if match := re.fullmatch(r"filter\(fn: \(r\) => (.+)\)", stage):
        return [table for table in tables if _passes(match[1], table[0], bound)], timed
    if stage == 'sort(columns: ["_time"], desc: true)':
        return [(columns, rows[::-1]) for columns, rows in tables], timed
    if match := re.fullmatch(r"limit\(n: ([0-9]+)\)", stage):
        return [(columns, rows[: int(match[1])]) for columns, rows in tables], timed
    if match := re.fullmatch(r"([a-z]+)\(\)", stage):
        function = FUNCTIONS[match[1]]
        found = [(columns, _total(rows, function, match[1])) for columns, rows in tables if rows]
        return found, match[1] in SELECTORS
    match = re.fullmatch(r"aggregateWindow\(every: ([0-9]+)([smh]), fn: ([a-z]+), createEmpty: false\)", stage)
    width = int(match[1]) * SECONDS[match[2]] * 10**9
    return [(columns, _windows(rows, width, FUNCTIONS[match[3]], edges[1])) for columns, rows in tables], timed


def _total(rows, function, name):
    """One row: of a selector the whole row that it selects, of an aggregate its value without a time."""
    value = function([value for _, value in rows])
    if name in SELECTORS:
        return [next(row for row in (rows[::-1] if name == "last" else rows) if row[1] == value)]
    return [(0, value)]


def _windows(rows, width, function, stop):
    gathered = {}
    for time_ns, value in rows:
        gathered.setdefault(min((time_ns // width + 1) * width, stop), []).append(value)
    return [(end, function(values)) for end, values in gathered.items()]


def _passes(text, columns, bound):
    """Whether a row passes `a and (b or c) and d`, each an equality of a column."""
    return all(
        any(_equals(test, columns, bound) for test in part.strip("()").split(" or ")) for part in text.split(" and ")
    )


def _equals(test, columns, bound):
    match = re.fullmatch(r'r(?:\.([A-Za-z_]+)|\["([A-Za-z0-9_]+)"\]) == (.+)', test)
    return columns.get(match[1] or match[2]) == _value(match[3], bound)


def _value(text, bound):
    return text[1:-1] if text.startswith('"') else bound[text]["value"]


def _instant(text, bound):
    return int(text) * 10**9 if text.isdigit() else parse_rfc3339(bound[text]["value"])


def _csv(tables, start, stop, *, timed):
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n").writerow
    shape = None
    for number, (columns, rows) in enumerate(tables):
        names = ["_start", "_stop", *(["_time"] if timed else []), "_value", *columns]
        kind = TYPES[type(rows[0][1])]
        if (kind, names) != shape:
            if shape is not None:
                write([])
            shape = (kind, names)
            times = ["dateTime:RFC3339"] * (3 if timed else 2)
            write(["#datatype", "string", "long", *times, kind, *["string"] * len(columns)])
            grouped = ["true", "true", *(["false"] if timed else []), "false", *["true"] * len(columns)]
            write(["#group", "false", "false", *grouped])
            write(["#default", "_result", *[""] * (len(names) + 1)])
            write(["", "result", "table", *names])
        for time_ns, value in rows:
            times = [rfc3339(start), rfc3339(stop), *([rfc3339(time_ns)] if timed else [])]
            write(["", "", number, *times, _cell(value), *columns.values()])
    write([])
    return out.getvalue()


def _cell(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        text = format(Decimal(repr(value)), "f")
        return text.removesuffix(".0")
    # Go's CSV writer, told to end lines with CR LF, drops CR in cells and writes LF as both.
    return value.replace("\r", "").replace("\n", "\r\n") if isinstance(value, str) else value

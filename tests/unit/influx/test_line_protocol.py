"""Line protocol: expected values are written down from the reference of InfluxDB 2."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartguard_influx.domain.line_protocol import LineError, parse
from heartguard_influx.domain.point import Point
from heartguard_influx.store.influx.lines import encode, unkeepable

ESCAPES = [
    ("m v=1", "m", {}, {"v": 1.0}),
    (r"my\ m\,x,a\,b=c\ d\=e v=1", "my m,x", {"a,b": "c d=e"}, {"v": 1.0}),
    (r"a=b,t=1 v=1", "a=b", {"t": "1"}, {"v": 1.0}),
    (r"m f\ 1\,\==2", "m", {}, {"f 1,=": 2.0}),
    (r"m s=\"x\"".replace(r"\"", '"'), "m", {}, {"s": "x"}),
    (r'm s="say \"hi\" \\ there"', "m", {}, {"s": r'say "hi" \ there'}),
    (r'm s="C:\new, a=b c"', "m", {}, {"s": r"C:\new, a=b c"}),
    ('m s="two\nlines"', "m", {}, {"s": "two\nlines"}),
    ('m s=""', "m", {}, {"s": ""}),
    (r"m\a,t=x\y v=1", r"m\a", {"t": r"x\y"}, {"v": 1.0}),
    (r"a\\ b v=1", r"a\ b", {}, {"v": 1.0}),
    ('m,t="q" v=1', "m", {"t": '"q"'}, {"v": 1.0}),
    ("m,user=jürg,x=心 bpm=72", "m", {"user": "jürg", "x": "心"}, {"bpm": 72.0}),
    ("m a=1i,b=-2i,c=3u,d=1.5e3,e=-.5,f=+1.", "m", {}, {"a": 1, "b": -2, "c": 3, "d": 1500.0, "e": -0.5, "f": 1.0}),
    ("m a=t,b=T,c=true,d=True,e=TRUE", "m", {}, dict.fromkeys("abcde", True)),
    ("m a=f,b=F,c=false,d=False,e=FALSE", "m", {}, dict.fromkeys("abcde", False)),
    ("  m   v=1  ", "m", {}, {"v": 1.0}),
]


def test_escapes_and_types_of_lines(subtests):
    for ending in ["", "\n", "\r\n", " 1717236000000000000\n", " 1717236000000000000\r\n"]:
        for line, measurement, tags, fields in ESCAPES:
            with subtests.test(line + ending):
                (point,), (time_ns,) = parse((line + ending).encode())
                assert (point["measurement"], point.get("tags", {}), point["fields"]) == (measurement, tags, fields)
                assert [type(value) for value in point["fields"].values()] == [type(value) for value in fields.values()]
                assert time_ns == (1717236000000000000 if "17172" in ending else None)


@pytest.mark.parametrize(
    ("precision", "time"), [("ns", 1717236000123456789), ("us", 1717236000123456), ("ms", 1717236000123), ("s", -1)]
)
def test_precision_of_lines(precision, time):
    unit = {"ns": 1, "us": 1000, "ms": 10**6, "s": 10**9}[precision]
    assert parse(f"m v=1 {time}".encode(), precision).times_ns == [time * unit]


def test_comments_empty_lines_and_both_line_ends():
    body = b"# a, b=c\r\n\r\n\n  # indented\nm v=1\r\n \nm v=2 5\n#end"
    assert [point["fields"]["v"] for point in parse(body).points] == [1.0, 2.0]
    assert parse(b"") == parse(b"\n#\n") == ([], [])


MALFORMED = [
    (b"m", "no field"),
    (b",t=1 v=1", "no measurement"),
    (b"m, v=1", "a tag"),
    (b"m,t v=1", "a tag"),
    (b"m,t= v=1", "a tag"),
    (b"m,=x v=1", "a tag"),
    (b"m,t=a=b v=1", "a tag"),
    (b"m,t=1,t=2 v=1", "a tag is given more than once"),
    (b"m v=1,v=2", "a field is given more than once"),
    (b"m v", "no field"),
    (b"m v=", "no field"),
    (b"m =1", "no field"),
    (b"m v=1,", "no field"),
    (b"m v=1, w=2", "no field"),
    (b"m v=1,w", "a field"),
    (b'm v="open', "no field"),
    (b'm v="a"b', "no field"),
    (b"m v=abc", "a value"),
    (b"m v=nan", "a value"),
    (b"m v=inf", "a value"),
    (b"m v=tRUE", "a value"),
    (b"m v=-1u", "a value"),
    (b"m v=1.5i", "a value"),
    (b"m v=0x1f", "a value"),
    (b"m v=1e999", "too large"),
    (b"m v=9007199254740993i", "2^53"),
    (b"m v=1 now", "timestamp"),
    (b"m v=1 1.5", "timestamp"),
    (b"m v=1 1 2", "timestamp"),
    (b"m v=1 9223372036854775808", "nanoseconds"),
    (b"m,t=\xff v=1", "UTF-8"),
    (b"m v=1\rm v=2", "timestamp"),
]


def test_a_malformed_line_is_named_by_its_number(subtests):
    for line, reason in MALFORMED:
        with subtests.test(str(line)):
            body = b'm s="over\ntwo lines"\n\n# comment\r\n' + line + b"\nm v=1\n"
            with pytest.raises(LineError, match=r"^Line 5: ") as caught:
                parse(body)
            if line != b'm v="open':
                assert reason in str(caught.value)


def test_a_time_in_a_large_unit_stays_in_its_range():
    with pytest.raises(LineError, match=r"^Line 1: .*nanoseconds"):
        parse(b"m v=1 9223372037", "s")


def test_no_more_is_read_than_shows_that_there_is_too_much():
    body = b"m v=1\n" * 10_001
    assert parse(body[6:]).points == parse(b"m v=1\n").points * 10_000
    with pytest.raises(LineError, match=r"^Line 10001: "):
        parse(body[6:] + b"no line")
    assert len(parse(body + b"no line").points) == 10_001


# Commas, spaces, equals signs, quotes, backslashes, newlines and what they could be mistaken for.
_HARD = st.text(st.sampled_from([*",= \\\"'#|{}$;\taé心n", "\n"]), min_size=1, max_size=8)
_VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.text(st.sampled_from(list('",= \\\nax#')))
)


@settings(max_examples=100, deadline=None)
@given(
    _HARD,
    st.dictionaries(_HARD, _HARD, max_size=3),
    st.dictionaries(_HARD, _VALUES, min_size=1, max_size=3),
    st.integers(-(2**62), 2**62),
)
def test_encoded_points_are_read_unchanged(measurement, tags, fields, time_ns):
    point = Point(measurement, tuple(sorted(tags.items())), fields, time_ns)
    if unkeepable(point) or measurement[0] in " \t":
        return
    (line,) = encode([point])
    (before, read, after), times_ns = parse(f"before v=1\n{line}\nafter v=2".encode())
    assert (before["measurement"], after["measurement"]) == ("before", "after")
    assert (read["measurement"], read.get("tags", {}), read["fields"]) == (measurement, tags, fields)
    assert times_ns == [None, time_ns, None]


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from(list(',= \\"\n\r#m1tiu.-')), max_size=40))
def test_any_text_is_points_or_a_line_error(text):
    try:
        points, _ = parse(text.encode())
    except LineError:
        return
    assert all(point["measurement"] and point["fields"] for point in points)

"""Line protocol as InfluxStore writes it, read back by the model's scanner and beside the client's own encoder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from influxdb_client import Point as ClientPoint

from heartguard_influx.domain.point import Point
from heartguard_influx.store.influx.lines import EARLIEST_KEPT_NS, LATEST_KEPT_NS, encode, unkeepable
from tests.fakes.influxdb.model_lines import read_lines

name = st.text("ab ,=\"\\'#é😀", min_size=1, max_size=6)
value = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.text('ab ,="\\\n#\té😀', max_size=8),
)
points = st.builds(
    Point,
    name,
    st.dictionaries(name, name, max_size=3).map(lambda tags: tuple(sorted(tags.items()))),
    st.dictionaries(name, value, min_size=1, max_size=3),
    st.integers(EARLIEST_KEPT_NS, LATEST_KEPT_NS - 1),
)


@given(st.lists(points, max_size=4))
def test_every_line_is_read_back_as_its_point(batch):
    kept = [point for point in batch if unkeepable(point) is None]
    found = read_lines("\n".join(encode(kept)), 1, 0)
    assert found == [(point.measurement, point.tags, point.fields, point.time_ns) for point in kept]
    for (_, _, fields, _), point in zip(found, kept, strict=True):
        assert {key: type(it) for key, it in fields.items()} == {key: type(it) for key, it in point.fields.items()}


plain = st.text("ab ,=é", min_size=1, max_size=6)


@given(
    plain, st.dictionaries(plain, plain, max_size=3), st.dictionaries(plain, value, min_size=1), st.integers(0, 2**60)
)
def test_the_clients_encoder_says_the_same(measurement, tags, fields, time_ns):
    theirs = ClientPoint(measurement).time(time_ns)
    for key, text in tags.items():
        theirs.tag(key, text)
    for key, it in fields.items():
        theirs.field(key, it)
    (ours,) = encode([Point(measurement, tuple(sorted(tags.items())), fields, time_ns)])
    assert read_lines(ours, 1, 0) == read_lines(theirs.to_line_protocol(), 1, 0)


@pytest.mark.parametrize(
    ("point", "line"),
    [
        (Point("m", (), {"f": 1.0}, 1), "m f=1.0 1"),
        (Point("a,b c", (("t,=", "v ="),), {"f =": 1e300}, -5), r"a\,b\ c,t\,\==v\ \= f\ \==1e+300 -5"),
        (Point("m", (), {"s": 'a"b\\', "b": True, "i": 7}, 0), r'm s="a\"b\\",b=true,i=7i 0'),
        (Point('m"', (('t"', 'v"'),), {'f"': 1.0, 'g\\"': 2.0}, 0), r"""m",t"=v" f\"=1.0,g\\"=2.0 0"""),
        (Point("m", (), {"s": "two\nlines"}, 0), 'm s="two\nlines" 0'),
    ],
)
def test_escapes_of_encoded_lines(point, line):
    assert encode([point]) == [line]


UNSAYABLE = [
    Point("#m", (), {"f": 1.0}, 0),
    Point("m\n", (), {"f": 1.0}, 0),
    Point("m\\", (), {"f": 1.0}, 0),
    Point("m", (("t", "v\\"),), {"f": 1.0}, 0),
    Point("m", (("t", "v\nm f=2"),), {"f": 1.0}, 0),
    Point("m", (("time", "v"),), {"f": 1.0}, 0),
    Point("m", (("_field", "v"),), {"f": 1.0}, 0),
    Point("m", (), {"f\\": 1.0}, 0),
    Point("m", (), {"time": 1.0}, 0),
    Point("m", (), {"s": "a\rb"}, 0),
    Point("m", (), {"f": 1.0}, LATEST_KEPT_NS),
    Point("m", (), {"f": 1.0}, EARLIEST_KEPT_NS - 1),
    # Acknowledged by a 2.7.12, and in no answer of it.
    Point('q\\"m', (), {"f": 1.0}, 0),
    Point("q\\=m", (), {"f": 1.0}, 0),
    # 65,866 bytes of measurement, tags and field, where the server keeps 65,535.
    Point("heart_rate", tuple((f"t{place:02}", "v" * 1024) for place in range(64)), {"x": 1.0}, 0),
]


def test_points_that_line_protocol_cannot_express_are_refused(subtests):
    for point in UNSAYABLE:
        with subtests.test(str(point)):
            reason = unkeepable(point)
            assert reason
            assert "f=2" not in reason


def test_the_longest_key_the_server_keeps():
    assert unkeepable(Point("key", (("t", "v" * 65_524),), {"x": 1.0}, 0)) is None
    assert "65535 bytes" in unkeepable(Point("key", (("t", "v" * 65_525),), {"x": 1.0}, 0))

"""Statements as stores write them become statements as psycopg2 takes them, with nothing else in them changed."""

import pytest

from heartguard_common.stores.statements import parameters, text


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("SELECT :a, cast(:a_2 AS text)", "SELECT %(a)s, cast(%(a_2)s AS text)"),
        ("SELECT :a::int, b::text", "SELECT %(a)s::int, b::text"),
        ("SELECT 'user:' || :a, '12:30' LIKE '1%'", "SELECT 'user:' || %(a)s, '12:30' LIKE '1%%'"),
        ("SELECT '12:30' LIKE '1%'", "SELECT '12:30' LIKE '1%'"),
    ],
)
def test_parameters_and_percent_signs(written: str, sent: str) -> None:
    assert text(written).sql == sent


def test_a_statement_without_parameters_is_sent_as_it_is() -> None:
    assert parameters(text("SELECT '%'"), {"unused": 1}) is None
    assert parameters(text("SELECT :a"), {"a": 1}) == {"a": 1}

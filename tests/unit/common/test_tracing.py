"""The settings of traces, and who decides whether a trace is sampled."""

import pytest

from heartguard_common.core.settings import collector_url, pairs, ratio


@pytest.mark.parametrize(
    ("cast", "text", "value"),
    [
        (collector_url, "http://127.0.0.1:4318/", "http://127.0.0.1:4318"),
        (collector_url, "https://otlp.example/team", "https://otlp.example/team"),
        (pairs, "x-api-key=3f%201c, x-tenant=a=b", (("x-api-key", "3f 1c"), ("x-tenant", "a=b"))),
        (ratio, "0.25", 0.25),
        (ratio, "1", 1.0),
    ],
)
def test_what_the_settings_take(cast, text, value):
    assert cast(text) == value


@pytest.mark.parametrize(
    ("cast", "text"),
    [
        *((collector_url, text) for text in ("127.0.0.1:4318", "http://u:p@host", "http://host/?x=1", "grpc://host")),
        *((pairs, text) for text in ("key", "=value", "a=b,c")),
        *((ratio, text) for text in ("-1", "1.5", "half", "1e-3", "nan")),
    ],
)
def test_what_the_settings_refuse(cast, text):
    with pytest.raises(ValueError, match="must"):
        cast(text)

"""What the environment may say."""

import pytest

from heartguard_common.core.settings import Rate, SettingsError
from heartguard_gateway.settings import Settings

SECRET = "q7Zt1vXw4Rm7Bc0Ny5Hd2Lf9Gs3Pj6Ua"
GOOD = {"REDIS_URL": "redis://127.0.0.1:6379/0", "SERVICE_SECRET": SECRET, "SERVICE_CREDENTIALS": "auth:" + "0" * 64}


@pytest.mark.parametrize(
    ("text", "rate"),
    [("100/min", Rate(100, 60)), ("5/s", Rate(5, 1)), ("1000 / hour", Rate(1000, 3600)), ("7/d", Rate(7, 86_400))],
)
def test_rates_are_parsed(text: str, rate: Rate) -> None:
    assert Settings.from_env({**GOOD, "RATE_LIMIT": text}).rate_limit == rate


SENSELESS = [
    ("RATE_LIMIT", "100"),
    ("RATE_LIMIT", "0/min"),
    ("RATE_LIMIT", "100/fortnight"),
    ("ALLOWED_ORIGINS", "*"),
    ("ALLOWED_ORIGINS", "https://portal.example/"),
    ("ALLOWED_ORIGINS", "portal.example"),
    ("TRUSTED_PROXIES", "-1"),
    ("AUTH_URL", "https://auth"),
    ("AUTH_URL", "http://auth:5001/base"),
    ("SERVICE_SECRET", "short"),
]


def test_what_can_not_be_meant_is_refused(subtests: pytest.Subtests) -> None:
    for name, value in SENSELESS:
        with subtests.test(f"{name}={value}"), pytest.raises(SettingsError, match=name):
            Settings.from_env({**GOOD, name: value})


def test_origins_are_a_list() -> None:
    settings = Settings.from_env({**GOOD, "ALLOWED_ORIGINS": "https://a.example, http://localhost:3000"})
    assert settings.allowed_origins == ("https://a.example", "http://localhost:3000")


def test_the_rate_of_the_plan_is_the_default() -> None:
    assert Settings.from_env(GOOD).rate_limit == Rate(100, 60)

"""Settings: read once, with all problems in one message, which has no values."""

import dataclasses
import hashlib
import secrets
from collections.abc import Mapping

import pytest

from heartguard_common.core import settings
from heartguard_common.core.settings import SettingsError, variable

GOOD = "kq8Zt1vXw4Rm7Bc0Ny5Hd2Lf9Gs3Pj6Ua"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    url: str = variable("URL")
    ttl: int = variable("TTL", settings.duration("m"), default=60)
    size: int = variable("SIZE", settings.whole(1, 10), default=5)
    mode: str = variable("MODE", settings.choice("a", "b"), default="a")
    secret: str = variable("SECRET", settings.secret)
    known: Mapping[str, str] = variable("KNOWN", settings.credentials, default=None)
    names: tuple[str, ...] = variable("NAMES", settings.words, default=())


def test_an_absent_or_empty_variable_has_its_default() -> None:
    found = settings.read(Sample, {"URL": " u ", "SECRET": GOOD, "TTL": "", "MODE": "  ", "OTHER": "x"})
    assert found == Sample(url="u", secret=GOOD)
    assert settings.variables(Sample) == ("URL", "TTL", "SIZE", "MODE", "SECRET", "KNOWN", "NAMES")


def test_all_problems_are_reported_at_once_and_no_value_is_quoted() -> None:
    environ = {"TTL": "soon-31337", "SIZE": "31337", "MODE": "31337", "SECRET": "31337", "KNOWN": "a:31337"}
    with pytest.raises(SettingsError) as caught:
        settings.read(Sample, environ)
    message = str(caught.value)
    assert [line.split()[0] for line in message.splitlines()[1:]] == ["URL", "TTL", "SIZE", "MODE", "SECRET", "KNOWN"]
    assert "31337" not in message


@pytest.mark.parametrize(
    ("text", "seconds"), [("15", 900), ("30s", 30), ("15m", 900), ("12h", 43200), ("14d", 1209600)]
)
def test_durations_are_parsed(text: str, seconds: int) -> None:
    assert settings.duration("m")(text) == seconds


REFUSED = [
    (settings.duration("m"), ["0", "0s", "-1m", "1.5h", "1 m", "m", "1w", "\u0661", "9999999999s", "1h30m"]),
    (settings.whole(1, 10), ["0", "11", "1.0", "1e1", "0x1", " 1", "\u0661", "1_0", "+1", "one"]),
    (settings.choice("a", "b"), ["A", "a,b", "c"]),
    (
        settings.secret,
        ["x" * 64, GOOD[:31], "please-change-me-" + GOOD, "abcdefg" * 10, GOOD[:16] * 3, GOOD[:20] * 2],
    ),
    (settings.secret, ["your-256-bit-secret-0Ny5Hd2Lf9Gs3Pj6Ua", "a-string-secret-at-least-256-bits-long"]),
    (settings.secret, ["0123456789abcdefABCDEFfedcba98765", "HeartGuard-" + GOOD]),
    # these four are in published code, and the last three look random
    (settings.secret, ["reallyreallyreallyreallyverysafe", "t7w!z%C*F)J@NcRfUjXn2r5u8x/A?D(G"]),
    (settings.secret, ["pm8bQIvgA8qZgfaTACjI6aFe7GAZYcCw", "MCy6jJiYEP2Wn0PJ1ebBv1X6f0E56jV8"]),
    (settings.secret, ["6f1c3a52-9b0e-4d7a-8c55-2e9d41f7b308", "6F1C3A52-9B0E-4D7A-8C55-2E9D41F7B308"]),
    (settings.credentials, ["a", "a:", "a:" + "0" * 63, "a:" + "g" * 64, f"A:{'0' * 64}", f"a:{'0' * 64},", ","]),
]


def test_invalid_settings_are_refused(subtests: pytest.Subtests) -> None:
    for cast, texts in REFUSED:
        with subtests.test(str(texts)):
            for text in texts:
                with pytest.raises(ValueError, match="must be"):
                    cast(text)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "text", ["", "changeme", "operator", "secret", "auth", "0" * 64, "reallyreallyreallyreallyverysafe"]
)
def test_digests_of_published_secrets_are_refused_too(text: str) -> None:
    with pytest.raises(ValueError, match=r"well-known secrets, as that of operator is$"):
        settings.credentials(f"auth:{digest(GOOD)},operator:{digest(text)}")


def test_generated_secrets_are_accepted() -> None:
    assert not any(settings.weak(secrets.token_hex(32)) for _ in range(2000))


def test_two_services_have_two_secrets() -> None:
    with pytest.raises(ValueError, match="must be digests of different secrets"):
        settings.credentials(f"auth:{digest(GOOD)},media:{digest(GOOD)}")
    with pytest.raises(ValueError, match="must name each service once"):
        settings.credentials(f"auth:{digest(GOOD)},auth:{digest(GOOD + 'x')}")


def test_valid_settings_are_accepted() -> None:
    assert [settings.whole(-5, 10)(text) for text in ("-5", "10", "007")] == [-5, 10, 7]
    assert (
        settings.secret(
            "\u00e9\u00e8\u00ea\u00eb\u00e0\u00e1\u00e2\u00e4\u00f2\u00f3\u00f4\u00f6\u00f9\u00fa\u00fb\u00fc"
        )
        != ""
    )
    assert settings.credentials(f"a:{'0' * 64},b:{'f' * 64}") == {"a": "0" * 64, "b": "f" * 64}
    assert settings.words(" a, b ,,c,") == ("a", "b", "c")

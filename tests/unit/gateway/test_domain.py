"""Paths, addresses, header names and bucket arithmetic."""

import pytest

from heartguard_gateway.domain import (
    Limit,
    client_address,
    end_to_end,
    join_path,
    split_path,
    take,
)


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("/users/me", ("users", "me")),
        ("/", ("",)),
        ("/users/", ("users", "")),
        ("//users", ("", "users")),
        ("/timeseries/buckets/org_1%20x", ("timeseries", "buckets", "org_1 x")),
        ("/schemas/caf%C3%A9", ("schemas", "café")),
        ("/a/b:c@d", ("a", "b:c@d")),
    ],
)
def test_a_path_is_split_and_decoded_once(path: str, segments: tuple[str, ...]) -> None:
    assert split_path(path) == segments


AMBIGUOUS_PATHS = [
    "/users/../gateway/metrics",
    "/users/./me",
    "/users/%2e%2e/gateway/metrics",
    "/users/%2E%2E",
    "/users/.%2e/x",
    "/users/me;x=1",
    "/users/me%3Bx",
    "/users%2Fme",
    "/users%5Cme",
    "/users\\me",
    "/users/%252e%252e/x",
    "/users/%25",
    "/users/%00",
    "/users/me%0d%0aX: y",
    "/users/%7f",
    "/users/%C2%85",
    "/users/%EF%BF%BE",
    "/users/%zz",
    "/users/%",
    "/users/%e2%28%a1",
    "/users/%c0%ae%c0%ae",
    "users",
    "",
    "http://elsewhere/users",
]


def test_a_path_two_readers_could_read_differently_is_refused(subtests: pytest.Subtests) -> None:
    for path in AMBIGUOUS_PATHS:
        # The text is for the caller, and not what counts here.
        with subtests.test(path), pytest.raises(ValueError):  # noqa: PT011
            split_path(path)


def test_services_see_one_spelling() -> None:
    assert join_path(split_path("/timeseries/buckets/a%41%2Bb c")) == "/timeseries/buckets/aA%2Bb%20c"


@pytest.mark.parametrize("path", ["/users/me", "/timeseries/buckets/org_1.x~y-z"])
def test_a_plain_path_is_forwarded_as_it_came(path: str) -> None:
    assert join_path(split_path(path)) == path


FORWARDED = [
    ("10.0.0.9", None, 0, "10.0.0.9"),
    ("10.0.0.9", "1.2.3.4", 0, "10.0.0.9"),
    ("10.0.0.9", "1.2.3.4", 1, "1.2.3.4"),
    ("10.0.0.9", "6.6.6.6, 1.2.3.4", 1, "1.2.3.4"),
    ("10.0.0.9", "6.6.6.6, 1.2.3.4, 5.5.5.5", 2, "1.2.3.4"),
    ("10.0.0.9", "1.2.3.4", 2, "10.0.0.9"),
    ("10.0.0.9", "not an address", 1, "10.0.0.9"),
    ("10.0.0.9", "2001:DB8::1", 1, "2001:db8::1"),
]


def test_the_client_is_counted_from_the_right(subtests: pytest.Subtests) -> None:
    for peer, forwarded, proxies, expected in FORWARDED:
        with subtests.test(str(forwarded)):
            assert client_address(peer, forwarded, proxies) == expected


def test_hop_by_hop_headers_and_those_named_by_connection_are_removed() -> None:
    sent = [
        ("Connection", "close, X-Secret"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Proxy-Connection", "keep-alive"),
        ("TE", "trailers"),
        ("Trailer", "X-Sum"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "websocket"),
        ("x-secret", "1"),
        ("Accept", "*/*"),
        ("Link", "<a>"),
        ("Link", "<b>"),
    ]
    assert end_to_end(sent) == [("Accept", "*/*"), ("Link", "<a>"), ("Link", "<b>")]


FIVE_A_SECOND = Limit("default", 5, 200_000)


def test_a_full_bucket_gives_its_size_at_once_and_then_nothing() -> None:
    full_at, now, given = 0, 1_000_000_000, []
    for _ in range(7):
        full_at, quota = take(full_at, now, FIVE_A_SECOND)
        given.append((quota.allowed, quota.remaining))
    assert given == [(True, 4), (True, 3), (True, 2), (True, 1), (True, 0), (False, 0), (False, 0)]


def test_the_wait_it_names_is_true_and_one_microsecond_less_is_not() -> None:
    full_at, now = 0, 1_000_000_000
    for _ in range(6):
        full_at, quota = take(full_at, now, FIVE_A_SECOND)
    assert (quota.wait_us, quota.reset_us) == (200_000, 1_000_000)
    assert not take(full_at, now + quota.wait_us - 1, FIVE_A_SECOND)[1].allowed
    assert take(full_at, now + quota.wait_us, FIVE_A_SECOND)[1].allowed


def test_in_the_long_run_the_rate_holds() -> None:
    full_at = allowed = 0
    for tick in range(10_000):  # one try each 10 ms for 100 s
        full_at, quota = take(full_at, 1_000_000_000 + tick * 10_000, FIVE_A_SECOND)
        allowed += quota.allowed
    assert allowed == 5 + 499  # the burst, and a token each 200 ms from then on


def test_a_clock_set_back_costs_at_most_one_empty_bucket() -> None:
    far = 10_000_000_000_000
    full_at, quota = take(far, 1_000_000, FIVE_A_SECOND)
    assert (quota.allowed, quota.wait_us) == (False, 200_000)
    assert full_at == 1_000_000 + 1_000_000

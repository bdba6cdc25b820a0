"""What the variables of the alarm service may be."""

import pytest

from heartguard_alarm.settings import alarm_hosts, public_url


def test_hosts_are_names_or_addresses_with_a_port_where_one_is_named() -> None:
    assert alarm_hosts("ntfy.example, 10.0.0.7:8443") == ("ntfy.example", "10.0.0.7:8443")


@pytest.mark.parametrize("text", ["https://ntfy.example", "ntfy.example/path", "a b", "*.example", "host:", "u@host"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a list such as"):
        alarm_hosts(text)


@pytest.mark.parametrize("text", ["ftp://api.example", "https://", "https://api.example/?a=b", "api.example"])
def test_the_public_url_is_one_of_a_page(text: str) -> None:
    with pytest.raises(ValueError, match="must look like"):
        public_url(text)

"""Which URLs of Apprise a channel may have."""

import pytest

from heartguard_alarm.ports import UnacceptableUrl
from heartguard_alarm.store.apprise_sender import AppriseSender

SENDER = AppriseSender(["127.0.0.1:8080", "ntfy.clinic.example"])
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("tgram://123456789:AAbbccDDeeFFggHHiiJJkkLLmmNNooPPqqR/987654321", "tgram://..."),
        (f"pover://{'u' * 30}@{'a' * 30}?priority=high", "pover://..."),
        (SLACK, "slack://..."),
        ("discord://validation/validation", "discord://..."),
        ("ntfy://alarms", "ntfy://..."),
        ("ntfys://user:word@ntfy.clinic.example/alarms", "ntfys://ntfy.clinic.example/..."),
        ("json://user:word@127.0.0.1:8080/alarms", "json://127.0.0.1:8080/..."),
    ],
)
def test_services_with_a_known_or_a_listed_host(url: str, shown: str) -> None:
    target = SENDER.accept(url)
    assert (target.shown, target.text, target.service) == (shown, url, url.partition(":")[0])


@pytest.mark.parametrize(
    "url",
    [
        *("dbus://", "syslog://", "gnome://", "file:///etc/passwd", "fcm://project/token?keyfile=/etc/passwd"),
        *("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "", "json:/", "tgram://"),
        *("json://127.0.0.1:6379", "json://127.0.0.1", "json://127.0.0.1:8080@evil.example/", "json://[::1]:8080/"),
        *("ntfy://other.example/alarms", "ntfy://ntfy.clinic.example:22/alarms", "ntfy://127.0.0.1/a?mode=cloud"),
        *(
            f"{SLACK}?template=/etc/passwd",
            f"{SLACK}/#general?template=/etc/passwd",
            f"{SLACK}/#general?retry=9",
            f"{SLACK}?%74emplate=/etc/passwd",
        ),
        *(f"{SLACK}/?to=a?template=/etc/passwd", f"{SLACK}?to=a;template=/etc/passwd", f"{SLACK}?TEMPLATE=/etc/passwd"),
        *("json://127.0.0.1:8080/?redirect=yes", "json://127.0.0.1:8080/?verify=no", "json://127.0.0.1:8080/?rto=999"),
        *("json://127.0.0.1:8080/?+Host=evil", "mailto://user:word@ntfy.clinic.example?smtp=evil.example"),
        "mailto://user:word@gmail.com",
        "tgram://123456789:AAbbccDDeeFFggHHiiJJkkLLmmNNooPPqqR/" + "/".join(str(it) for it in range(11_111, 11_131)),
    ],
)
def test_no_url_reaches_another_host_or_a_file(url: str) -> None:
    with pytest.raises(UnacceptableUrl) as refused:
        SENDER.accept(url)
    assert url.partition("://")[2] == "" or url.partition("://")[2] not in str(refused.value)

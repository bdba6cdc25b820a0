"""The outbox on a real PostgreSQL, and the mailer against a real SMTP server."""

import json
from email import message_from_bytes
from email.policy import compat32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartguard_auth.domain import Claimed, Email
from heartguard_auth.ports import Deferred, MailServerUnavailable, Undeliverable
from heartguard_auth.settings import smtp_server
from heartguard_auth.store.outbox import KEEP_DEAD_SECONDS, KEEP_SECONDS, LEASE_SECONDS, PostgresOutbox
from heartguard_auth.store.smtp import SmtpMailer
from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.stores.database import Database
from heartguard_common.stores.limit_store import PostgresLimits
from tests.clocks import NANOSECONDS, MovableClock
from tests.mail import certificate, mailbox
from tests.people import owner

SECRET = "Zk3v9QpL7xT2mW8cR5yB1nH6dF4gJ0sA"
EMAIL = Email("ana@hg.io", "Your HeartGuard password", "código: 12345\n")


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def connection(database):
    made = Database(database.url_for("auth"))
    yield made
    made.close()


@pytest.fixture
def outbox(connection, clock):
    return PostgresOutbox(connection, SECRET, clock, PostgresLimits(connection, clock, {}))


def test_an_email_waits_until_it_is_dropped(outbox, clock):
    outbox.enqueue("ana@hg.io", "subject", "text", org_id=1, sender=1)
    entry = outbox.claim()
    assert outbox.open(entry).email == Email("ana@hg.io", "subject", "text")
    assert outbox.claim() is None  # kept from other senders
    clock.forward(LEASE_SECONDS)
    again = outbox.claim()  # the first sender died
    assert again == entry
    outbox.finish(again)
    clock.forward(LEASE_SECONDS)
    assert outbox.claim() is None


def test_an_email_of_a_transaction_that_failed_is_never_sent(outbox, connection):
    def fails():
        with connection.transaction():
            outbox.enqueue("ana@hg.io", "subject", "text", org_id=1, sender=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert outbox.claim() is None


def test_the_table_shows_neither_address_nor_text(outbox, database):
    outbox.enqueue("ana@hg.io", "a subject", "some text", org_id=1, sender=1)
    outbox.ask("ana@hg.io")
    with owner(database) as cursor:
        cursor.execute("SELECT t::text FROM heartguard_core.mail_outbox t")
        rows = " ".join(row[0] for row in cursor.fetchall())
    assert not any(word in rows for word in ("ana", "hg.io", "subject", "some text"))


def test_an_address_has_one_waiting_request_at_most(outbox, clock):
    outbox.ask("ana@hg.io")
    outbox.ask("ANA@hg.io")
    entry = outbox.claim()
    assert (outbox.open(entry).forgotten, outbox.claim()) == ("ana@hg.io", None)
    outbox.finish(entry, quiet_seconds=120)
    outbox.ask("ana@hg.io")
    clock.forward(119)
    assert outbox.claim() is None
    clock.forward(1)
    outbox.ask("ana@hg.io")
    assert outbox.open(outbox.claim()).forgotten == "ana@hg.io"


def test_a_postponed_email_comes_back_and_an_old_one_does_not(outbox, clock):
    outbox.enqueue("ana@hg.io", "subject", "text", org_id=1, sender=1)
    outbox.postpone(outbox.claim(), clock.now_ns() + 60 * NANOSECONDS)
    clock.forward(59)
    assert outbox.claim() is None
    clock.forward(1)
    assert outbox.claim() is not None
    clock.forward(KEEP_SECONDS)
    assert outbox.claim() is None


def test_an_unsendable_email_becomes_a_dead_letter_after_a_day_and_is_removed_after_a_week(outbox, clock):
    outbox.enqueue("ana@hg.io", "subject", "text", org_id=1, sender=1)
    outbox.ask("ana@hg.io")
    clock.forward(KEEP_SECONDS)
    (given_up,) = outbox.overdue()
    outbox.purge()
    assert (outbox.overdue(), outbox.claim(), outbox.oldest_seconds()) == ([], None, 0)
    outbox.retry(given_up)
    assert outbox.claim().id == given_up
    outbox.postpone(Claimed(given_up, "letter", ""), None)
    clock.forward(KEEP_DEAD_SECONDS)
    outbox.purge()
    outbox.retry(given_up)
    assert outbox.claim() is None


def test_deleting_a_person_deletes_their_waiting_emails(outbox):
    outbox.enqueue("ana@hg.io", "subject", "text", org_id=1, sender=1)
    outbox.ask("ana@hg.io")
    outbox.enqueue("eve@hg.io", "subject", "text", org_id=1, sender=1)
    outbox.forget(["ANA@hg.io"])
    assert outbox.open(outbox.claim()).email.to == "eve@hg.io"
    assert outbox.claim() is None


def test_an_email_arrives_as_it_was_written(clock):
    with mailbox() as box:
        SmtpMailer(smtp_server(box.url()), clock).send(EMAIL, "id-1")
        message = box.wait()[0]
    assert (message["To"], message["From"]) == ("ana@hg.io", "HeartGuard <heartguard@example.org>")
    assert (message["Subject"], message["Message-ID"]) == ("Your HeartGuard password", "<id-1@example.org>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().replace("\r\n", "\n") == EMAIL.text


def test_starttls_comes_before_the_password(clock, tmp_path):
    ours, theirs = certificate(tmp_path)
    with mailbox(tls_context=ours, require_starttls=True, auth_require_tls=True) as box:
        server = smtp_server(box.url("", "robot:p%40ss%20word@"))
        SmtpMailer(server, clock, theirs).send(EMAIL, "id-1")
        assert (len(box.wait()), box.logins) == (1, [("robot", "p@ss word")])
        with pytest.raises(MailServerUnavailable, match="SSLCertVerificationError"):
            SmtpMailer(server, clock).send(EMAIL, "id-2")
    assert len(box.logins) == 1


def test_smtps_is_encrypted_from_the_first_byte(clock, tmp_path):
    ours, theirs = certificate(tmp_path)
    with mailbox(ssl_context=ours) as box:
        SmtpMailer(smtp_server(box.url("", scheme="smtps")), clock, theirs).send(EMAIL, "id-1")
        assert len(box.wait()) == 1


def test_a_server_without_starttls_gets_nothing(clock):
    with mailbox() as box:
        with pytest.raises(MailServerUnavailable, match="SMTPNotSupportedError"):
            SmtpMailer(smtp_server(box.url("", "robot:p%40ss%20word@")), clock).send(EMAIL, "id-1")
        assert (box.messages, box.logins) == ([], [])


@pytest.mark.parametrize(
    ("to", "subject"),
    [
        ("ana@hg.io\r\nBcc: eve@evil.io", "subject"),
        ("ana@hg.io, eve@evil.io", "subject"),
        ("ana@hg.io", "subject\r\nBcc: eve@evil.io"),
        ("ana@hg.io", "subject\nX: y\n\nanother body"),
        ("", "subject"),
    ],
)
def test_no_header_is_smuggled_in(clock, to, subject):
    with mailbox() as box:
        mailer = SmtpMailer(smtp_server(box.url()), clock)
        with pytest.raises(Undeliverable):
            mailer.send(Email(to, subject, "text"), "id-1")
        assert box.messages == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [("550 no such ana", Undeliverable), ("450 later, ana", Deferred), ("421 closing, ana", MailServerUnavailable)],
)
def test_only_a_final_refusal_gives_up(clock, reply, error):
    with mailbox() as box:
        box.refuse = reply
        with pytest.raises(error):
            SmtpMailer(smtp_server(box.url()), clock).send(EMAIL, "id-1")


def test_no_address_of_the_contract_is_parsed(clock):
    """The reproduction: `=??q?a_?=` made the library's parser raise, as no encoded word can be an address."""
    definitions = json.loads((REPO_ROOT / "schemas/common.schema.json").read_text())["$defs"]
    addresses = st.from_regex(definitions["email"]["pattern"], fullmatch=True).filter(lambda it: len(it) <= 254)
    mailer = SmtpMailer(smtp_server("smtp://127.0.0.1:1?from=heartguard@example.org"), clock)

    @settings(max_examples=40, deadline=None)
    @given(addresses | st.sampled_from(["=??q?a_?=@x.io", "=?utf-8?q?a?=@x.io", "=?x?b?=?=@x.io"]))
    def holds(address):
        message = message_from_bytes(mailer._content(Email(address, "subject", "text"), "id-1"), policy=compat32)
        assert message.get_all("To") == [address]

    holds()


def test_an_address_that_looks_like_an_encoded_word_gets_its_email(clock):
    with mailbox() as box:
        SmtpMailer(smtp_server(box.url()), clock).send(Email("=??q?a_?=@x.io", "subject", "text"), "id-1")
        assert box.recipients == ["=??q?a_?=@x.io"]


@pytest.mark.parametrize(("capable", "sent"), [(True, 1), (False, 0)])
def test_an_address_outside_ascii_needs_a_server_that_takes_it(clock, capable, sent):
    letter = Email("añil@hg.io", "subject", "text")
    with mailbox(enable_SMTPUTF8=capable) as box:
        mailer = SmtpMailer(smtp_server(box.url()), clock)
        if capable:
            mailer.send(letter, "id-1")
        else:
            with pytest.raises(Undeliverable):
                mailer.send(letter, "id-1")
        assert len(box.recipients) == sent


SENSELESS = [
    "mail.example.org",
    "http://mail.example.org?from=a@b.io",
    "smtp://mail.example.org",
    "smtp://mail.example.org?from=nobody",
    "smtp://mail.example.org?from=a@b.io&tls=1",
    "smtp://mail.example.org:port?from=a@b.io",
    "smtp://mail.example.org?from=a@b.io&starttls=perhaps",
    "smtp://u:p@mail.example.org?from=a@b.io&starttls=no",
    "smtp://mail.example.org/path?from=a@b.io",
    "smtp://mail.example.org?from=a@b.io%0d%0aX: y",
]


def test_a_senseless_smtp_url_is_refused(subtests):
    for url in SENSELESS:
        with subtests.test(url), pytest.raises(ValueError, match=r".+"):
            smtp_server(url)


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("smtp://mail.example.org?from=a@b.io", 587, False),
        ("smtps://mail.example.org?from=a@b.io", 465, True),
        ("smtps://u:p%3A%2F@mail.example.org:1465?from=a@b.io", 1465, True),
    ],
)
def test_an_smtp_url_says_where_and_how(url, port, tls):
    server = smtp_server(url)
    assert (server.host, server.port, server.tls, server.sender) == ("mail.example.org", port, tls, "a@b.io")
    assert server.starttls
    assert server.password == ("p:/" if "u:" in url else "")

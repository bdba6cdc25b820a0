"""Alarm, auth, influx, Valkey, PostgreSQL and the mail server are killed and stopped while alarms are raised.

No alarm is missing, each step and repeat makes one message for each channel, and a copy has the same Message-ID.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.clone import Clone
from tests.mail_process import MailProcess
from tests.servers import until
from tests.system.alarm_load import add_person, expected, found_episodes, make_rules, one_beginning_each, rows
from tests.system.killing import SECONDS, STOP_SECONDS, first, kill_in_turn, member, running, stop_in_turn, whole
from tests.system.notified_load import (
    RULES,
    PresentHeartRate,
    acknowledge_all,
    active_ones_are_notified,
    nothing_waits,
    notify,
    one_message_id_each,
    one_row_for_each_step,
    wait_for_messages,
)
from tests.system.writer import Member

__all__ = ["member"]

KILLS = (("alarm", whole), ("postgres", first), ("influx", whole), ("valkey", first))
STOPPED = ("alarm", "influx", "auth", "postgres", "valkey")
RECIPIENTS, SWINGING, RISING = 2, 2, 4
CATCH_UP_SECONDS = 30
ROUND_SECONDS = 20
pytestmark = pytest.mark.timeout(1200 + 4 * SECONDS)


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailProcess]:
    server = MailProcess(tmp_path_factory.mktemp("mail"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, mail: MailProcess) -> Iterator[Clone]:
    limits = "alarm_messages_per_hour=1000000"
    with running(tmp_path_factory.mktemp("killed"), SMTP_URL=mail.url, LIMITS=limits) as copy:
        yield copy


def lose_answers(clone: Clone, mail: MailProcess) -> None:
    """Kill the mail server, then auth, before auth knows that an e-mail was accepted; then stop the mail server."""
    with mail.unanswered():
        mail.kill()
    mail.start()
    with mail.unanswered():
        kill_in_turn(clone, (("auth", whole),), 0)
    mail.freeze()
    time.sleep(STOP_SECONDS)
    mail.thaw()


def test_each_step_and_repeat_of_an_alarm_is_one_message(clone: Clone, member: Member, mail: MailProcess) -> None:
    recipients = [add_person(clone, member, number) for number in range(RECIPIENTS)]
    channels = notify(member, recipients)
    addresses = {channel: f"person{number}@heartguard.example" for number, channel in enumerate(channels)}
    rule_ids = make_rules(clone, member, RULES)
    people = [add_person(clone, member, RECIPIENTS + number) for number in range(SWINGING + RISING)]
    rises = [*[None] * SWINGING, *(SECONDS * number / RISING for number in range(RISING))]
    rounds = max(1, int(SECONDS // ROUND_SECONDS))
    with ExitStack() as stack:
        writers = [
            stack.enter_context(PresentHeartRate(member, person, seed, when))
            for seed, (person, when) in enumerate(zip(people, rises, strict=True))
        ]
        for _ in range(rounds):
            kill_in_turn(clone, KILLS, SECONDS / rounds)
            stop_in_turn(clone, STOPPED)
            lose_answers(clone, mail)
    until(clone.all_ready, "readiness of all")
    began = time.monotonic()
    until(lambda: rows(clone, "SELECT count(*) FROM $changed_ranges") == [(0,)], "the evaluation", CATCH_UP_SECONDS)
    caught_up = time.monotonic() - began
    wanted = {person: expected(member, person, RULES) for person in people}
    assert {person: found_episodes(clone, person, rule_ids) for person in people} == wanted
    assert all(theirs[-1][1] is None for person in people[SWINGING:] for theirs in wanted[person])
    wait_for_messages(clone, lambda: active_ones_are_notified(clone), "the messages about active alarms")
    assert acknowledge_all(member) >= RISING * len(RULES)
    wait_for_messages(clone, lambda: nothing_waits(clone), "the end of all queues")
    emails = mail.messages()
    one_beginning_each(clone)
    one_row_for_each_step(clone, channels)
    one_message_id_each(clone, addresses, emails)
    ids = {it["Message-ID"] for it in emails}
    # Each e-mail whose answer was lost has come again.
    assert len(emails) > len(ids)
    batches, lost = sum(it.sent for it in writers), sum(it.unanswered for it in writers)
    print(f"{batches} batches, {lost} without an answer, caught up in {caught_up:.1f} s,", end=" ")
    number = sum(len(it) for theirs in wanted.values() for it in theirs)
    print(f"{number} episodes, {len(ids)} messages in {len(emails)} e-mails")

"""What the use cases of the alarm service need from outside."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from heartguard_alarm.domain.alarms import Alarm, Filter, HistoryEntry
from heartguard_alarm.domain.changes import Change, Evaluated, PersonRange, State, Stored, Transition
from heartguard_alarm.domain.channels import Channel, SentCode, Target
from heartguard_alarm.domain.episodes import Changes as EpisodeChanges
from heartguard_alarm.domain.episodes import Known
from heartguard_alarm.domain.no_data import NoDataState, Outage
from heartguard_alarm.domain.notifications import (
    DueGroup,
    Escalation,
    Message,
    Notification,
    Outcome,
    Subject,
    Text,
)
from heartguard_alarm.domain.policies import Due, Policy
from heartguard_alarm.domain.rules import Rule, Version
from heartguard_alarm.domain.silences import Silence
from heartguard_common.messages import AlarmEmailState
from heartguard_common.messages.alarm import Language


class Rules(Protocol):
    """The store of rules."""

    def find(self, org_id: int, rule_id: str, *, lock: bool = False) -> Rule | None:
        """A rule, None for one that was deleted. `lock`: nobody else changes it until the transaction ends."""

    def list(self, org_id: int, after: str | None, limit: int) -> Sequence[Rule]:
        """Up to `limit` rules with an id above `after`, by id, which is the order in which they were made."""

    def count(self, org_id: int) -> int:
        """How many rules an organization has."""

    def made_from(self, org_id: int) -> frozenset[str]:
        """The default rules that the organization has."""

    def add(self, org_id: int, rule_id: str, first: Version, made_from: str | None = None) -> Rule:
        """Store a new rule."""

    def add_version(self, rule: Rule, version: Version) -> Rule:
        """Store a new version of a rule; returns the rule with it."""

    def delete(self, rule: Rule, time_ns: int) -> None:
        """Mark a rule as deleted."""

    def evaluated(self, org_id: int) -> Sequence[Rule]:
        """The rules that points are evaluated by, which nobody changes until the transaction ends.

        These are all that were not deleted, and deleted ones that have an open episode.
        """

    def forget(self, org_id: int, user_id: int) -> int:
        """Remove a person from all versions of all rules; returns how many versions named them."""

    def erase(self, org_id: int) -> int:
        """Remove all rules of an organization, also deleted ones; returns how many."""


class Readings(Protocol):
    """Points that are stored."""

    def readings(
        self, org_id: int, person: int, measurement: str, start_ns: int, stop_ns: int
    ) -> Iterator[Sequence[Stored]]:
        """All readings of a person in `[start, stop)`, in order of time, in pages; an instant is on one page."""


class Changes(Readings, Protocol):
    """Points that have changed, and those that are stored."""

    def claim(self, limit: int) -> Sequence[Change]:
        """Up to `limit` changed ranges, which nobody else gets for 15 seconds."""

    def short(self, org_id: int, ranges: Sequence[PersonRange]) -> Sequence[Sequence[Stored] | None]:
        """All readings of each range in order of time, in one question; None for a range that is not a short one."""


class Episodes(Protocol):
    """The store of episodes, and of how far each rule and person has been evaluated."""

    def states(self, org_id: int, persons: Collection[int]) -> Mapping[tuple[int, str], State]:
        """The states by person and rule; nobody else evaluates the people until the transaction ends."""

    def known(self, org_id: int, floors: Mapping[int, int]) -> Mapping[tuple[int, str], Sequence[Known]]:
        """By person and rule, in order of time, the episodes that are open or ended after the person's floor."""

    def store_states(self, org_id: int, states: Mapping[tuple[int, str], State]) -> None:
        """Store states by person and rule."""

    def apply(self, evaluated: Evaluated, changes: EpisodeChanges, now_ns: int) -> Sequence[Transition]:
        """Store what an evaluation has changed; returns the transitions."""

    def done(self, org_id: int, change_ids: Iterable[int]) -> None:
        """Remove changes that were evaluated."""

    def erase(self, org_id: int, person: int | None) -> int:
        """Remove what is stored of an organization, or of one person; returns how many episodes."""


class DueTimes(Protocol):
    """The store of when data of people are missing."""

    def read(
        self, org_id: int, persons: Collection[int], evaluated: Iterable[int]
    ) -> Mapping[int, tuple[Mapping[str, NoDataState], frozenset[str]]]:
        """The states of each person by rule, and the measurements of which changes wait or are being written.

        Changes with an id of `evaluated` do not wait. Nobody else evaluates the people until the transaction ends.
        """

    def store(self, org_id: int, states: Mapping[tuple[int, str], tuple[NoDataState, int | None]]) -> None:
        """Store states by person and rule, each with when to look at it again; None: not before a change."""

    def due(self, now_ns: int, limit: int) -> Sequence[tuple[int, int]]:
        """Organization and number of people of whom up to `limit` rules are due, those of the longest due ones."""

    def postpone(self, org_id: int, person: int, until_ns: int) -> None:
        """Look at the rules of a person that are due no earlier than at `until_ns`."""

    def forget(self, org_id: int, person: int, kept: Collection[str] = ()) -> None:
        """Remove what is known of a person, except for the rules `kept`."""

    def record_running(self, now_ns: int) -> None:
        """Record that changes are being evaluated now. Who does not do so for a minute has had an outage."""

    def outages(self) -> Sequence[Outage]:
        """All outages, in order of time."""


class Alarms(Protocol):
    """Episodes as people see them."""

    def find(self, org_id: int, alarm_id: str, *, lock: bool = False) -> Alarm | None:
        """An alarm of an organization. `lock`: nobody else changes it until the transaction ends."""

    def list(self, org_id: int, wanted: Filter, before: str | None, limit: int) -> Sequence[Alarm]:
        """Up to `limit` alarms with an id below `before`, the greatest first."""

    def history(self, org_id: int, alarm_id: str, limit: int) -> Sequence[HistoryEntry]:
        """The last `limit` transitions of an alarm, oldest first."""

    def record(self, alarm: Alarm, entry: HistoryEntry) -> None:
        """Store what a person did with an alarm, in its history and, except for a note, in the alarm itself."""


class AlarmAnnouncer(Protocol):
    """Tells live streams what happens to alarms."""

    def happened(self, org_id: int, alarms: Mapping[str, int]) -> None:
        """Announce the last entries of the history of alarms, so many of each, after the commit of the transaction."""

    def erased(self, org_id: int) -> None:
        """After the commit, take what was announced of an organization away: alarms were erased."""


class People(Protocol):
    """Members of organizations."""

    def is_member(self, org_id: int, person: int) -> bool:
        """Whether somebody is a member of an organization, and not being deleted."""


class Channels(Protocol):
    """The store of channels."""

    def find(self, org_id: int, channel_id: str, *, lock: bool = False) -> Channel | None:
        """A channel. `lock`: nobody else changes it until the transaction ends."""

    def list(self, org_id: int, after: str | None, limit: int) -> Sequence[Channel]:
        """Up to `limit` channels with an id above `after`, by id, which is the order in which they were made."""

    def count(self, org_id: int) -> int:
        """How many channels an organization has."""

    def add(self, channel: Channel, target: Target, hashed_code: str | None) -> None:
        """Store a new channel; where it leads to is encrypted. `hashed_code`: that of the code that was sent there."""

    def change(self, channel: Channel) -> None:
        """Store the name and the language of a channel."""

    def target(self, channel: Channel) -> str:
        """The address or URL that a channel leads to. Raises `AttemptError` where it can't be decrypted."""

    def replace_code(self, channel: Channel, hashed_code: str, now_ns: int) -> None:
        """Accept a new code, and not the one before; none of the guesses before counts."""

    def code(self, channel: Channel) -> SentCode | None:
        """The code that was sent to the address of a channel."""

    def guessed(self, channel: Channel) -> None:
        """Count a wrong code."""

    def verified(self, channel: Channel, now_ns: int) -> None:
        """From now on messages are sent to a channel."""

    def delete(self, channel: Channel) -> None:
        """Remove a channel."""

    def language(self, channel: Channel) -> Language:
        """The language of messages: that of the member's preferences, else that of the channel."""

    def of_person(self, org_id: int, person: int) -> Sequence[Channel]:
        """The channels that lead to a person."""

    def erase(self, org_id: int, person: int | None) -> int:
        """Remove the channels of an organization, or those that lead to one person; returns how many."""


class Policies(Protocol):
    """The store of notification policies."""

    def find(self, org_id: int, policy_id: str, *, lock: bool = False) -> Policy | None:
        """A policy. `lock`: nobody else changes it until the transaction ends."""

    def applying(self, org_id: int, policy_id: str | None) -> Policy | None:
        """The policy of a rule that names this one, or with None the default policy, if there is one."""

    def list(self, org_id: int, after: str | None, limit: int) -> Sequence[Policy]:
        """Up to `limit` policies with an id above `after`, by id, which is the order in which they were made."""

    def count(self, org_id: int) -> int:
        """How many policies an organization has."""

    def store(self, policy: Policy) -> None:
        """Store a new policy, or the new settings of one. If it is the default, the former default is none any more."""

    def using(self, org_id: int, channel_id: str) -> bool:
        """Whether a policy has a step with this channel."""

    def used(self, policy: Policy) -> bool:
        """Whether a rule names the policy."""

    def delete(self, policy: Policy) -> None:
        """Remove a policy."""

    def forget_channels(self, org_id: int, person: int) -> None:
        """Take the channels that lead to a person out of all steps; steps and policies without any channel go too."""

    def erase(self, org_id: int) -> int:
        """Remove the policies of an organization; returns how many."""


class Silences(Protocol):
    """The store of silences."""

    def find(self, org_id: int, silence_id: str, *, lock: bool = False) -> Silence | None:
        """A silence. `lock`: nobody else changes it until the transaction ends."""

    def list(self, org_id: int, now_ns: int, before: str | None, limit: int) -> Sequence[Silence]:
        """Up to `limit` silences that have not ended, with an id below `before`, the greatest first."""

    def count(self, org_id: int, now_ns: int) -> int:
        """How many silences of an organization have not ended."""

    def add(self, silence: Silence) -> None:
        """Store a new silence, and remove those that ended more than 30 days ago."""

    def end(self, silence: Silence, now_ns: int) -> None:
        """End a silence now; one that has not begun is removed."""

    def until(self, org_id: int, person: int, rule_id: str, now_ns: int) -> int | None:
        """When the silences end that hold now for a rule and person, the latest of them; None without one."""

    def of_person(self, org_id: int, person: int) -> Sequence[Silence]:
        """The silences that name a person."""

    def erase(self, org_id: int, person: int | None) -> int:
        """Remove the silences of an organization, or those of one person; returns how many."""


class Escalations(Protocol):
    """The store of the episodes that are being notified, each with its next step."""

    def begin(self, org_id: int, episode_id: str, policy: Policy, first: Due, wait_seconds: int, now_ns: int) -> None:
        """Notify an episode that was just stored, from the step `first` on, which is due after `wait_seconds`.

        With the first step of all it waits with others of the policy that wait for theirs. Nothing changes where the
        episode is being notified already, or is retrospective.
        """

    def due(self, now_ns: int) -> DueGroup | None:
        """The policy whose step is due longest, and the people whose alarms have a step of it that is due."""

    def claim(self, group: DueGroup, now_ns: int) -> Sequence[Escalation]:
        """Up to 100 of a group, locked until the transaction ends; none that somebody else has locked."""

    def move(self, escalation: Escalation, due: Due | None, due_ns: int) -> None:
        """Set the next step and its time; without a step: the present one at another time."""

    def postpone(self, group: DueGroup, now_ns: int, due_ns: int) -> None:
        """Have what is due of a policy looked at again at another time."""

    def end(self, escalation: Escalation) -> None:
        """Nothing more is notified of an episode."""

    def abandon(self, org_id: int, person: int) -> None:
        """Nothing more is notified of a person who is being deleted."""

    def wake(self, org_id: int, person: int | None, rule_id: str | None, now_ns: int) -> None:
        """Have what was silenced of a person (None: everybody) and a rule (None: all) looked at now."""

    def waiting(self, now_ns: int) -> int:
        """How many steps are due."""

    def behind_seconds(self, now_ns: int) -> float:
        """How long the step has been due that is due longest, in seconds; 0 without one."""


class Messages(Protocol):
    """The store of messages, and of which alarms they tell."""

    def add(
        self, escalations: Sequence[Escalation], policy: Policy, channel: Channel, now_ns: int, error: str | None = None
    ) -> str | None:
        """A message by a channel about episodes, each at its step; returns its id, None where all were notified before.

        With `error` the message has failed already.
        """

    def last_place(self, org_id: int, episode_id: str) -> tuple[int, int] | None:
        """Step and repeat that were notified last of an episode; None where it was not notified yet."""

    def silence(self, escalation: Escalation, channel: Channel, now_ns: int) -> None:
        """Record that a channel was not used, because the alarm is silenced."""

    def report(self, message: Message, channel: Channel, now_ns: int) -> str:
        """A message by another channel that tells of one that was not sent; returns its id."""

    def reported_since(self, org_id: int, channel_id: str, since_ns: int) -> bool:
        """Whether a channel was reported as failing since a time."""

    def created_since(self, org_id: int, since_ns: int) -> int:
        """How many messages of an organization were made since a time."""

    def claim(self, now_ns: int) -> Message | None:
        """The message that is due longest, kept from other workers for two minutes; None when nothing is due."""

    def subjects(self, message: Message) -> Sequence[Subject]:
        """The episodes that a message is about; for a report those of the message that was not sent."""

    def reported_channel(self, message: Message) -> str:
        """The name of the channel that a report is about; its id where it was deleted."""

    def cancel(self, message: Message, episode_ids: Sequence[str]) -> None:
        """Take episodes out of a message: they are no news any more."""

    def postpone(
        self, message: Message, due_ns: int, attempts: int, error: str | None, *, handed_over: bool = False
    ) -> None:
        """Have a message looked at again at that time. `handed_over`: the auth service has it since now."""

    def end(self, message: Message, outcome: Outcome, now_ns: int, attempts: int, error: str | None) -> None:
        """Store what became of a message."""

    def retry(self, message_id: str, now_ns: int) -> None:
        """Have a message that has failed sent again."""

    def list(self, org_id: int, alarm_id: str, after: Sequence[int | str] | None, limit: int) -> Sequence[Notification]:
        """Up to `limit` messages about an alarm, by repeat, step and channel, behind the position `after`."""

    def waiting(self) -> int:
        """How many messages are neither sent nor given up."""

    def oldest_seconds(self, now_ns: int) -> float:
        """How long the message has waited that waits longest, in seconds; 0 without one."""

    def erase(self, org_id: int, person: int | None) -> None:
        """Remove what was notified of an organization, or of one person."""


class EmailSender(Protocol):
    """Sends e-mails."""

    def send(
        self, message_id: str, org_id: int, to: int | str, text: Text, *, verifies: bool = False
    ) -> AlarmEmailState:
        """Have an e-mail sent to a member or an address; the same id again asks what has become of it.

        Raises `ServiceCallError`.
        """


class ServiceSender(Protocol):
    """Sends messages by the services that Apprise knows."""

    def accept(self, url: str) -> Target:
        """What a URL leads to. Raises `UnacceptableUrl` with a reason that quotes nothing of it."""

    def send(self, url: str, text: Text) -> None:
        """Send a message. Raises `AttemptError`."""


class UnacceptableUrl(Exception):  # noqa: N818  a state of the URL
    """A URL is none of a service that messages may be sent by."""

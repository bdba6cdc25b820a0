"""Alarms and their rules. HeartGuard is not a medical device."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack, cast

from heartguard_client.messages import (
    Alarm,
    AlarmListQuery,
    AlarmRehearsal,
    AlarmRehearsalRequest,
    AlarmRule,
    AlarmRuleRequest,
    AlarmRuleUpdate,
)
from heartguard_client.transport import IDEMPOTENCY_KEY, Transport


class Alarms:
    """What a caller may do with alarms; `Client.alarms`. Every method raises what those of `Client` raise."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, **wanted: Unpack[AlarmListQuery]) -> Iterator[Alarm]:
        """Alarms, those that were found last first; filters as in the API, such as `active=True`.

        A caller with the role user gets their own.
        """
        return cast("Iterator[Alarm]", self._pages("alarms", dict(wanted)))

    def read(self, alarm_id: str) -> Alarm:
        """An alarm with its history and the values behind it."""
        return cast("Alarm", self._ask("GET", f"alarms/{alarm_id}"))

    def acknowledge(self, alarm_id: str, note: str | None = None) -> Alarm:
        """Say that somebody takes care of an alarm; it stays active until the values are normal."""
        document = {} if note is None else {"note": note}
        return cast("Alarm", self._ask("POST", f"alarms/{alarm_id}/acknowledge", document))

    def note(self, alarm_id: str, note: str) -> Alarm:
        """Add a note to the history of an alarm."""
        return cast("Alarm", self._ask("POST", f"alarms/{alarm_id}/notes", {"note": note}))

    def close(self, alarm_id: str, reason: str) -> Alarm:
        """Close an alarm with a reason; its interval stays as the values make it."""
        return cast("Alarm", self._ask("POST", f"alarms/{alarm_id}/close", {"reason": reason}))

    def rules(self) -> Iterator[AlarmRule]:
        """The rules of the organization, oldest first."""
        return cast("Iterator[AlarmRule]", self._pages("alarms/rules", {}))

    def rule(self, rule_id: str) -> AlarmRule:
        """A rule with its versions."""
        return cast("AlarmRule", self._ask("GET", f"alarms/rules/{rule_id}"))

    def make_rule(self, rule: AlarmRuleRequest) -> AlarmRule:
        """Make a rule, which applies to event times from now on. It is off unless it says `enabled`."""
        return cast("AlarmRule", self._ask("POST", "alarms/rules", rule))

    def change_rule(self, rule_id: str, changes: AlarmRuleUpdate) -> AlarmRule:
        """Make a new version of a rule, for event times from now on."""
        return cast("AlarmRule", self._ask("PATCH", f"alarms/rules/{rule_id}", changes))

    def delete_rule(self, rule_id: str) -> None:
        """Delete a rule; what it has raised stays."""
        self._transport.send("DELETE", f"alarms/rules/{rule_id}")

    def add_default_rules(self) -> Sequence[AlarmRule]:
        """Add the default rules that the organization does not have, and return them; they are off."""
        return cast("Sequence[AlarmRule]", self._ask("POST", "alarms/rules/defaults")["items"])

    def rehearse(self, asked: AlarmRehearsalRequest) -> AlarmRehearsal:
        """Which alarms a rule would have raised over stored points; nothing is stored."""
        answer = self._transport.send("POST", "alarms/rules/rehearse", document=asked, reads=True)
        return cast("AlarmRehearsal", answer.json())

    def _ask(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> Any:
        # With a key a POST can be sent again after a lost connection; a route that does without one ignores it.
        headers = {IDEMPOTENCY_KEY: uuid.uuid4().hex} if method == "POST" else None
        return self._transport.send(method, path, document=document, headers=headers).json()

    def _pages(self, path: str, wanted: Mapping[str, object]) -> Iterator[Any]:
        query = {name: str(it).lower() if isinstance(it, bool) else str(it) for name, it in wanted.items()}
        while True:
            page = self._transport.send("GET", path, params=query).json()
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

"""What happens to alarms as events of live streams."""

from collections.abc import Mapping
from functools import partial

from heartguard_alarm.documents import stream_document
from heartguard_alarm.store.alarms import PostgresAlarms
from heartguard_common.stores.database import Database
from heartguard_common.streams.announcing import Announcer
from heartguard_common.streams.events import ALARMS, LiveEvent


class LiveAlarms:
    """An `AlarmAnnouncer`. Whether Redis is there plays no part: what can't be published becomes a `reset`."""

    def __init__(self, database: Database, announcer: Announcer, alarms: PostgresAlarms) -> None:
        self._database = database
        self._announcer = announcer
        self._alarms = alarms

    def happened(self, org_id: int, alarms: Mapping[str, int]) -> None:
        """Announce the last entries of the history of alarms, so many of each, after the commit of the transaction.

        The alarms are read within the transaction, if somebody listens: later entries are announced by themselves.
        """
        with self._database.transaction() as connection:
            number = self._announcer.note(org_id)
            if number is None:
                return
            events = [
                event for alarm_id, entries in alarms.items() for event in self._events(org_id, alarm_id, entries)
            ]
            connection.after_commit(partial(self._announcer.publish, org_id, number, lambda: events))

    def erased(self, org_id: int) -> None:
        """After the commit, take what was announced of an organization away: alarms were erased."""
        self._announcer.announce_removal(org_id)

    def _events(self, org_id: int, alarm_id: str, entries: int) -> list[LiveEvent]:
        alarm = self._alarms.find(org_id, alarm_id)
        if alarm is None:
            return []
        history = self._alarms.history(org_id, alarm_id, entries)
        return [LiveEvent(ALARMS, "StreamAlarm", stream_document(alarm, it), alarm.person) for it in history]

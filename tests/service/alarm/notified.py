"""An organization whose doctor gets messages about alarms."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.people import identify, join, owner
from tests.running_services import RunningServices
from tests.servers import Database, until

from .test_evaluation import Ward, read, steady


class Notified(Ward):
    """A ward whose doctor gets e-mails."""

    def __init__(self, stack: RunningServices, database: Database) -> None:
        super().__init__(stack, database)
        self.doctor = self.member_with("doctor@clinic.example")

    def member_with(self, email: str) -> int:
        member = join(self.database, self.org, "manager", email=email, full_name="Dr. Ruiz")
        identify(self.database, member, "none")
        return member

    def ask(self, method: str, path: str, document: Any = None, status: int = 200) -> Any:
        answer = self.stack.client("alarm").open(f"/alarms{path}", method=method, json=document, headers=self.admin)
        assert answer.status_code == status, answer.data
        return answer.get_json()

    def channel(self, member: int | None = None, **more: Any) -> str:
        asked = {"name": "Doctor", "kind": "email", "user_id": member or self.doctor, **more}
        return str(self.ask("POST", "/channels", asked, 201)["id"])

    def policy(self, *steps: tuple[int, list[str]], **more: Any) -> str:
        asked = {"name": "Ward", "steps": [{"after_seconds": after, "channels": its} for after, its in steps]}
        settings = {"group_wait_seconds": 0, "repeat_seconds": 0, "default": True, **more}
        return str(self.ask("POST", "/policies", asked | settings, 201)["id"])

    def alarm(self) -> str:
        """The id of the newest alarm, once there is one."""
        self.settle()
        return str(read(self).get_json()["items"][0]["id"])

    def notifications(self, alarm: str) -> list[dict[str, Any]]:
        return list(self.ask("GET", f"/{alarm}/notifications")["items"])

    def statuses(self, alarm: str) -> list[str]:
        return [it["status"] for it in self.notifications(alarm)]

    def raise_alarm(self) -> str:
        self.make()
        self.write(*steady(0, 120, 130))
        return self.alarm()


def in_days(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


def pass_time(notified: Notified) -> None:
    """As if the time of the next step had come."""
    until(lambda: bool(notified.rows("SELECT 1 FROM $alarm_escalations WHERE due_at > now()")), "the next step")
    with owner(notified.database) as cursor:
        cursor.execute("UPDATE heartguard_core.alarm_escalations SET due_at = now()")

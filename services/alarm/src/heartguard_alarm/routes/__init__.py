"""The endpoints of the alarm service."""

from typing import Any

from heartguard_alarm.routes import alarms, channels, personal_data, policies, rules, silences
from heartguard_alarm.usecases import UseCases
from heartguard_common.http.routing import Route

ROUTES: tuple[Route[UseCases, Any], ...] = (
    *alarms.ROUTES,
    *rules.ROUTES,
    *channels.ROUTES,
    *policies.ROUTES,
    *silences.ROUTES,
    *personal_data.ROUTES,
)

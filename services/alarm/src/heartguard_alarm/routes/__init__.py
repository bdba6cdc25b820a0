"""The endpoints of the alarm service."""

from typing import Any

from heartguard_alarm.routes import personal_data, rules
from heartguard_alarm.usecases import UseCases
from heartguard_common.http.routing import Route

ROUTES: tuple[Route[UseCases, Any], ...] = (*rules.ROUTES, *personal_data.ROUTES)

"""The endpoints of the time-series service: those of all its subjects."""

from typing import Any

from heartguard_common.http.routing import Route
from heartguard_influx.buckets import routes as buckets
from heartguard_influx.deletion import routes as deletion
from heartguard_influx.exports import routes as exports
from heartguard_influx.feed import routes as feed
from heartguard_influx.fields import routes as fields
from heartguard_influx.imports import routes as imports
from heartguard_influx.influxdb_api import routes as influxdb_api
from heartguard_influx.listeners import routes as listeners
from heartguard_influx.measurements import routes as measurements
from heartguard_influx.points import routes as points
from heartguard_influx.queries import routes as queries
from heartguard_influx.series_exports import routes as series_exports
from heartguard_influx.summaries import routes as summaries
from heartguard_influx.usecases import UseCases

ROUTES: tuple[Route[UseCases, Any], ...] = (
    *points.ROUTES,
    *queries.ROUTES,
    *summaries.ROUTES,
    *exports.ROUTES,
    *buckets.ROUTES,
    *feed.ROUTES,
    *fields.ROUTES,
    *measurements.ROUTES,
    *deletion.ROUTES,
    *influxdb_api.ROUTES,
    *imports.ROUTES,
    *listeners.ROUTES,
    *series_exports.ROUTES,
)

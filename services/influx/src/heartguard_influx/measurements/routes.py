"""The endpoint of the measurement catalogue."""

from heartguard_common.http.routing import Answer, EmptyCall, Route
from heartguard_common.messages import CatalogueEntryDocument, MeasurementList
from heartguard_influx.measurements.domain import CATALOGUE, Measurement


def list_measurements(_: object, __: EmptyCall) -> Answer[MeasurementList]:
    """List the known measurements with unit and plausible range."""
    return Answer({"items": [_document(entry) for entry in CATALOGUE]})


def _document(entry: Measurement) -> CatalogueEntryDocument:
    """An entry of the MeasurementList."""
    return {
        "name": entry.name,
        "unit": entry.unit,
        "minimum": entry.minimum,
        "maximum": entry.maximum,
        "description": entry.description,
        "fields": list(entry.fields),
        "tags": list(entry.tags),
        "sources": sorted(entry.sources),
    }


ROUTES = (Route("GET", "/timeseries/measurements", list_measurements),)

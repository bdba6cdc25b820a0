"""What can be done with time series, one file per subject."""

from heartguard_influx.usecases.bucket_administration import BucketAdministration
from heartguard_influx.usecases.dependencies import Stores
from heartguard_influx.usecases.exporting import Exporting
from heartguard_influx.usecases.fields import Fields
from heartguard_influx.usecases.querying import Found, Latest, Querying
from heartguard_influx.usecases.summarizing import Day, Summarizing
from heartguard_influx.usecases.writing import Writing

__all__ = [
    "BucketAdministration",
    "Day",
    "Exporting",
    "Fields",
    "Found",
    "Latest",
    "Querying",
    "Stores",
    "Summarizing",
    "Writing",
]

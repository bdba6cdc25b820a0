"""The store in an InfluxDB 2; imported only where one is configured.

Raises `SettingsError` without the packages that it needs.
"""

from importlib.util import find_spec

from heartguard_common.core.settings import SettingsError

if find_spec("influxdb_client") is None:
    raise SettingsError("INFLUX_URL needs packages that are not installed: pip install -r requirements-influxdb.txt")

from heartguard_influx.store.influxdb.access import LoggedAccess
from heartguard_influx.store.influxdb.failures import KINDS
from heartguard_influx.store.influxdb.server import Server
from heartguard_influx.store.influxdb.store import InfluxBuckets, InfluxStore

__all__ = ["KINDS", "InfluxBuckets", "InfluxStore", "LoggedAccess", "Server"]

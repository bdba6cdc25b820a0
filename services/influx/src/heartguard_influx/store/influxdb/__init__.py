"""The store in an InfluxDB 2; imported only where one is configured."""

from heartguard_influx.store.influxdb.access import LoggedAccess
from heartguard_influx.store.influxdb.failures import KINDS
from heartguard_influx.store.influxdb.server import Server
from heartguard_influx.store.influxdb.store import InfluxBuckets, InfluxStore

__all__ = ["KINDS", "InfluxBuckets", "InfluxStore", "LoggedAccess", "Server"]

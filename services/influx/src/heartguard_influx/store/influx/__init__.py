"""The store made of an InfluxDB 2; imported only where one is configured."""

from heartguard_influx.store.influx.access import LoggedAccess
from heartguard_influx.store.influx.failures import KINDS
from heartguard_influx.store.influx.server import Server
from heartguard_influx.store.influx.store import InfluxBuckets, InfluxStore

__all__ = ["KINDS", "InfluxBuckets", "InfluxStore", "LoggedAccess", "Server"]

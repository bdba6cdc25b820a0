"""The store made of an InfluxDB 2; imported only where one is configured."""

from heartguard_influx.store.influx.server import Server
from heartguard_influx.store.influx.store import InfluxBuckets, InfluxStore

__all__ = ["InfluxBuckets", "InfluxStore", "Server"]

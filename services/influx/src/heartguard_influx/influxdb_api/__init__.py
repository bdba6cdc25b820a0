"""The part of InfluxDB's HTTP API with which its clients write: they send points here unchanged."""

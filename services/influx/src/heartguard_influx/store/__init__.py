"""The ports, made of PostgreSQL alone (`postgres`) or of PostgreSQL and an InfluxDB 2 (`influxdb`).

Both pass one suite of tests, tests/store/influx.
"""

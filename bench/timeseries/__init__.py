"""Writing and querying time series, compared with peers on the same PostgreSQL: `python -m bench.timeseries`."""

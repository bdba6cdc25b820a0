"""Writing and querying time series, beside peers on the same PostgreSQL: `python -m bench.timeseries`."""

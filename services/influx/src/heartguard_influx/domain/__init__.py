"""Values and rules of time series: points, buckets, queries, windows and the catalogue. Imports no other layer."""

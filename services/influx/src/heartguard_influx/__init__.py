"""The time-series service: telemetry goes in without loss and comes out as points or windows."""

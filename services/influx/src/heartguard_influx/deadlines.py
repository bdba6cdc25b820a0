"""How long an expensive request may compute its answer."""

# With 2 s of waiting for a place and the last request to an InfluxDB (12 s) less than the 30 s the gateway waits.
ANSWER_SECONDS = 15.0

"""The gateway beside peers written the usual way: `python -m bench.gateway`."""

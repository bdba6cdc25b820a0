"""The gateway compared with others that are written in the usual ways: `python -m bench.gateway`."""

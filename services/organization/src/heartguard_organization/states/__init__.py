"""The state of organizations that every request depends on: the mode, and the share of requests."""

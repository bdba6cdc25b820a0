"""Slow clients of each kind, and their effect on other clients."""

"""Slow clients of each kind, and what everybody else notices of them."""

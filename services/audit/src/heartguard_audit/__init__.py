"""Audit: the trail of what was done, by whom, to what, and the consumer that writes it."""

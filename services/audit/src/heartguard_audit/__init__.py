"""Audit: the trail of who did what to which resource, and the consumer that writes it."""

"""Whole requests: through the gateway and its service to PostgreSQL and back, beside two plain stacks."""

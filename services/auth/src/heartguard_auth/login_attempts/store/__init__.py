"""Counters in Redis and in this process, and locks in PostgreSQL."""

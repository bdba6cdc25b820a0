"""The ports of audit, implemented with PostgreSQL, a Redis Stream and files."""

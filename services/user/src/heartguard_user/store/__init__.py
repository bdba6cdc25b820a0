"""The ports on PostgreSQL and on the other services."""

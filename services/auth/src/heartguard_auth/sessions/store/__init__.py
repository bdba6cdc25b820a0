"""Sessions and refresh tokens in PostgreSQL, repeated refreshes in Redis."""

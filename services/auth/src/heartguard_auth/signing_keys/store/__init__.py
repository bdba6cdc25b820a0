"""A ring of ES256 keys in PostgreSQL, or a shared secret."""

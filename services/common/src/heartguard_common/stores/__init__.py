"""Access to what is outside the process: PostgreSQL, Redis, files, Google Cloud Storage, the other services."""

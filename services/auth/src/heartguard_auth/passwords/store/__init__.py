"""Reset codes in PostgreSQL, and the list of common passwords."""

"""The outbox in PostgreSQL, templates, and SMTP."""

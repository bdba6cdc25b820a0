"""E-mails: the outbox, the worker that empties it, and SMTP."""

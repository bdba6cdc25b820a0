"""Accounts in PostgreSQL, and password hashes."""

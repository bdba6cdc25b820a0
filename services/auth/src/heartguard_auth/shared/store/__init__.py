"""Encryption of stored texts, and timestamps of PostgreSQL."""

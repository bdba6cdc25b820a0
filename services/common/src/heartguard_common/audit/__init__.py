"""Audit events: their form, the chain of their hashes, and their way to the audit service."""

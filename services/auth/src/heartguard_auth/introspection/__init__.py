"""Introspection of tokens (RFC 7662)."""

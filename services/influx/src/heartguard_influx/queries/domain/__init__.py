"""Queries and the windows of their answers, and how much one answer may hold. Imports no other layer."""

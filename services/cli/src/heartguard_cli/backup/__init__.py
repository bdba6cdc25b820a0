"""Backups of a whole system, and the way back."""

"""Passwords: change, reset by a code, and which ones are refused."""

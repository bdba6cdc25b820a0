"""Tokens for the visitors of the demo."""

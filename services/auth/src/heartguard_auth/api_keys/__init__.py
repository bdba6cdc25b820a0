"""API keys of people and organizations."""

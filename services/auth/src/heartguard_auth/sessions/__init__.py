"""Sessions: login, refresh and logout."""

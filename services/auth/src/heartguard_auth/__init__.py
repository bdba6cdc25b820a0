"""Auth: accounts, sessions, tokens, and the keys that sign them."""

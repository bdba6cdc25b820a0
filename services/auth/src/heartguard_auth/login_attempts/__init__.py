"""Failed login attempts: how many are allowed, and the locks that they begin."""

"""Back up a whole system, and restore it."""

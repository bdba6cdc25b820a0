"""Changed points, for the alarm service."""

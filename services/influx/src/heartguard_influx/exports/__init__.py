"""All points of one person, for the archive of their data."""

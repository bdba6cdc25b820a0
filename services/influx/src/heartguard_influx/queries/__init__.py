"""Reading points: raw, by windows, and the latest of each series."""

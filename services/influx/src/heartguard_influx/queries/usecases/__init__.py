"""Reading points, by pages and as streams."""

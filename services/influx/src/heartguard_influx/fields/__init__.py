"""The types of fields: listing them, and removing the type of a field without points."""

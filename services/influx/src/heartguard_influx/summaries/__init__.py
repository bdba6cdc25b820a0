"""The summary of a person's heart rate on one day."""

"""Removing points: of a range, of a bucket, of a person or an organization, and those past their retention."""

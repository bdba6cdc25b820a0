"""Buckets: listing and creating them, and who may touch which bucket and whose points in it."""

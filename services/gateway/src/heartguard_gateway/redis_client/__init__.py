"""The gateway's connection to Redis."""

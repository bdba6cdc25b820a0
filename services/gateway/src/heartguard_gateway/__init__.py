"""The gateway: one ordered list of named stages in front of the six services."""

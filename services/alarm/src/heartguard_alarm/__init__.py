"""The alarm service: rules over measurements, and the episodes that they find."""

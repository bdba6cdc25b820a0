"""Members of an organization: change of role, export and erasure."""

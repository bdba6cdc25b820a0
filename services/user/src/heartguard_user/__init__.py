"""The user service: the members of organizations, their names, preferences, exports and deletion."""

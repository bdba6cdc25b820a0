"""The user service: the members of an organization, their names and their preferences."""

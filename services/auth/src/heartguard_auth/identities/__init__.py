"""Identities: the memberships of a person, and the end of all of them."""

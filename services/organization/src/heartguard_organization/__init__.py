"""The organization service: an organization, the rules it sets, and its end."""

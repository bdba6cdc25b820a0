"""The ports made of PostgreSQL and of the sister services."""

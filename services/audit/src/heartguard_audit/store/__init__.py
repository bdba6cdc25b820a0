"""The ports of audit made of PostgreSQL and a Redis Stream."""

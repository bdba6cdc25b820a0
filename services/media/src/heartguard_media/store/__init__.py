"""The ports of media, made of PostgreSQL, a directory and Google Cloud Storage."""

"""What is revoked: tokens, sessions and keys."""

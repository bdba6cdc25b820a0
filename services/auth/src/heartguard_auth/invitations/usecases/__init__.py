"""Making invitations, and accepting them."""

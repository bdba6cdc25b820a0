"""Login, refresh and logout, and the revocation of sessions."""

"""Whether a request is admitted: who calls, how often, and whether the token was revoked."""

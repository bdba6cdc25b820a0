"""Authentication and authorization: tokens, revocation, the policy, and the check at the time of writing."""

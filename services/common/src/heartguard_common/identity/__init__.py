"""Who is calling and what they may do: tokens, revocation, the policy, and the check at the time of writing."""

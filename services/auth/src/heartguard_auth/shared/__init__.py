"""What several subjects of auth use."""

"""What is done with API keys, and what a membership's change means for them."""

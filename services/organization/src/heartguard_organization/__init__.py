"""The organization service: organizations, their policies and limits, and their deletion."""

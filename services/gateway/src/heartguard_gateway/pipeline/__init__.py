"""The stages that every request goes through, and their order."""

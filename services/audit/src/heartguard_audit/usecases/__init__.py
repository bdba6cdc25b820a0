"""What can be done with the trail: recording and reading, taking in, verifying, sealing, removing."""

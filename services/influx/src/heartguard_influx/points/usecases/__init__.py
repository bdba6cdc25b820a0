"""Writing points: the verdicts on a batch, and the permission to store it."""

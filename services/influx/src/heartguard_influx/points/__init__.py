"""Writing points: each gets its verdict."""

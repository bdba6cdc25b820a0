"""The measurement catalogue: the known measurements with unit and plausible range."""

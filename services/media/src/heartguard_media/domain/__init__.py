"""Files as values, and the rules about them, one module per subject."""

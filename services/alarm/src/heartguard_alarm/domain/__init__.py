"""The evaluation of rules; no input and output."""

"""The stores of the alarm service in PostgreSQL."""

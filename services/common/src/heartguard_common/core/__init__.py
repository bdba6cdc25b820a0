"""What every part needs and that needs no other part: errors, settings, time, ids, logs, metrics, limits."""

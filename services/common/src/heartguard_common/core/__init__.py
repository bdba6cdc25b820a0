"""Modules that every other package may use and that use none of them: errors, settings, time, ids, logs, limits."""

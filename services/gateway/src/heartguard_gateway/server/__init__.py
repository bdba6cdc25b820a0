"""Gunicorn's worker for the gateway: client connections, requests, responses, and how they end."""

"""How a service process starts and runs: its dependencies, gunicorn's configuration, worker and log."""

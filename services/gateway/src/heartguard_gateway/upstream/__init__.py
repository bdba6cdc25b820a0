"""The services behind the gateway: connections, retries, lanes, and long answers."""

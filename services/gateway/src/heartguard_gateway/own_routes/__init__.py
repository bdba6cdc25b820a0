"""The routes that the gateway answers itself."""

"""Live streams: a process of their own, which admits as the gateway does and sends events to many clients."""

"""Request bodies: reading them, and keeping them until they are sent on."""

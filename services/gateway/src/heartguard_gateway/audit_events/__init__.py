"""The gateway's access events on their way to the audit service."""

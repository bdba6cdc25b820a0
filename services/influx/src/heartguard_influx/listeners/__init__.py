"""Which organizations are listened to by live streams."""

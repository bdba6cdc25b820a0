"""Series: a measurement with its tags, and which points of them a request means."""

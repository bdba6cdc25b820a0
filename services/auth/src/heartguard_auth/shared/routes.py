"""What the routes of several subjects answer."""

NO_STORE = {"Cache-Control": "no-store"}

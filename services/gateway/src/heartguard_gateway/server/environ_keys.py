"""Keys that the worker adds to the WSGI environment of PEP 3333, and one that it reads from the application."""

CLOSE = "heartguard.close"  # a function: close the connection after this answer
CUT = "heartguard.cut"  # a function: end the connection at once
WAITED = "heartguard.waited"  # seconds that the first request of a connection was unread in the kernel
GIVE_AWAY = "heartguard.give_away"  # an extension of the application: gives connections to another process

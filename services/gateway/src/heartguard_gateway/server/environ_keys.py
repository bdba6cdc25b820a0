"""What the worker puts into the WSGI environment beside PEP 3333's own."""

CLOSE = "heartguard.close"  # a function: close the connection after this answer
CUT = "heartguard.cut"  # a function: end the connection at once
WAITED = "heartguard.waited"  # seconds that the first request of a connection lay unread in the kernel

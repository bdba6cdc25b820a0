"""The version of this package, which has its own: the client and the server pin it."""

VERSION = "0.1.0"

"""The shared library of the HeartGuard services: used by two services or more, knows none of them."""

__version__ = "0.2.0"

"""The tests of HeartGuard."""

import sources  # noqa: F401  makes the packages of the services importable

"""The benchmarks: `python -m bench.<name>` from the root of the repository."""

import sources  # noqa: F401  makes the packages of the services importable

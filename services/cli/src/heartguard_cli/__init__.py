"""The `heartguard` command: starts, watches and ends what HeartGuard consists of."""

"""The use cases of audit: recording and reading events, ingest, verification, checkpoints, retention."""

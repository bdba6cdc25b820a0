"""Media: files of members, their metadata, and signed URLs to their bytes."""

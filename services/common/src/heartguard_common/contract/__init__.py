"""The messages: decoding bytes into checked documents, and encoding documents, in JSON and XML."""

"""The messages: from bytes to checked documents and back, in JSON and in XML."""

"""The form of an API key, by which logs, the audit trail and request ids are kept free of them."""

import re

# Longer than what lists show of a key, so that a person can still recognize it in the audit trail.
API_KEY = re.compile(r"hg_(?:dev|int)_[0-9A-Za-z]{9,}", re.ASCII)
REDACTED = "[api key]"

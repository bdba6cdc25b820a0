"""Registration: how accounts are made."""

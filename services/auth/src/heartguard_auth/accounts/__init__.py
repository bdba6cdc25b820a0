"""Accounts: who belongs to which organization, in which role, with which password."""

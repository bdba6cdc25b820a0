"""The demo: an organization with a real recording that plays as live data, made anew every night.

It is an ordinary organization, made and filled through the API like any other; its mode is `demo`.
"""

"""Checks of a client: what it sends, and what it makes of the reply."""

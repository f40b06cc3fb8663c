"""Checks of an endpoint: what it answers to right, odd and wrong requests."""

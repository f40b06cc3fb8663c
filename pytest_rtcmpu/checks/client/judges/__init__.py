"""Judges of a client: each takes an observation and returns its breaches of one clause."""

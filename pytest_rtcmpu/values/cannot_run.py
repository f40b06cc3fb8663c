"""The error of whoever asked for a run that cannot take place: nobody under test is accused."""

from __future__ import annotations


class CannotRun(Exception):
    """The checks could not be run: a bad target, an endpoint out of reach, nothing selected."""

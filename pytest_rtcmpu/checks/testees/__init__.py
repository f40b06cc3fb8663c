"""Clients under test: callables and commands, and how a target on a command line names one."""

from pytest_rtcmpu.checks.testees.command import serve_testee

__all__ = ["serve_testee"]

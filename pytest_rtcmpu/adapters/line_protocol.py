"""The earlier name of ``pytest_rtcmpu.checks.testees``."""

from pytest_rtcmpu.checks.testees import serve_testee

__all__ = ["serve_testee"]

"""The earlier name of ``pytest_rtcmpu.server``."""

from pytest_rtcmpu.server import Server

__all__ = ["Server"]

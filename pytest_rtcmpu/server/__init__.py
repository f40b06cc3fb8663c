"""The endpoint on a socket: HTTP, control interface, page, record, and ``rtcmpu serve``."""

from pytest_rtcmpu.server.http import Server

__all__ = ["Server"]

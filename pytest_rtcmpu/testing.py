"""Contract classes for test suites: the public name of ``plugin.testing``."""

from pytest_rtcmpu.plugin.testing import ClientContract, EndpointContract

__all__ = ["ClientContract", "EndpointContract"]

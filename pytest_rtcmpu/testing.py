"""Contract classes for test suites, and the types that they need: ``plugin.testing``, in public."""

from pytest_rtcmpu.checks.testees.protocol import PlainCredentials
from pytest_rtcmpu.plugin.testing import ClientContract, EndpointContract

__all__ = ["ClientContract", "EndpointContract", "PlainCredentials"]

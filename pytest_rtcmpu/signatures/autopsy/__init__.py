"""Why a signature does not verify: each usual mistake is made, and a match is proof."""

from pytest_rtcmpu.signatures.autopsy.search import Autopsy, autopsy

__all__ = ["Autopsy", "autopsy"]

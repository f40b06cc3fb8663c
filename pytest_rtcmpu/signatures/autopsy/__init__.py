"""Why a signature does not verify: each usual mistake is made, and a match is proof."""

from pytest_rtcmpu.signatures.autopsy.mistakes import ENCODING_CAUSES
from pytest_rtcmpu.signatures.autopsy.report import Autopsy
from pytest_rtcmpu.signatures.autopsy.search import Memory, autopsy

__all__ = ["ENCODING_CAUSES", "Autopsy", "Memory", "autopsy"]

"""The endpoint, sans-IO: a request in, the documented reply out.

``checks`` is the contract's sentence on the order of checks, ``exchange`` a request on its way
through them, ``state`` what is known from one call to the next, ``controls`` what a test does,
``record`` what is kept of each call, and ``service`` puts them together.
"""

from pytest_rtcmpu.contract import SignatureKind
from pytest_rtcmpu.endpoint.record import MAX_CALLS, Answer, Call
from pytest_rtcmpu.endpoint.service import Diagnosis, Endpoint
from pytest_rtcmpu.endpoint.state import Spoil

__all__ = ["MAX_CALLS", "Answer", "Call", "Diagnosis", "Endpoint", "SignatureKind", "Spoil"]

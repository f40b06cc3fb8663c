"""The endpoint, sans-IO: a request in, the documented reply out.

``checks`` is the contract's sentence on the order of checks, ``exchange`` a request on its way
through them, ``state`` what is known from one call to the next, ``controls`` what a test does,
``record`` what is kept of each call, and ``service`` puts them together.
"""

from pytest_rtcmpu.endpoint.record import MOST_CALLS, Answer, Call, SignatureKind
from pytest_rtcmpu.endpoint.service import Diagnosis, Endpoint
from pytest_rtcmpu.endpoint.state import Spoil

__all__ = ["MOST_CALLS", "Answer", "Call", "Diagnosis", "Endpoint", "SignatureKind", "Spoil"]

"""The usual ways to sign wrongly, as one table, the plainest first."""

from __future__ import annotations

from pytest_rtcmpu.signatures.autopsy.encoding import AS_SENT, ENCODER_CAUSES, ENCODINGS, Encoding
from pytest_rtcmpu.signatures.autopsy.headers import HEADERS
from pytest_rtcmpu.signatures.autopsy.keys import KEYS
from pytest_rtcmpu.signatures.autopsy.orders import ORDERS
from pytest_rtcmpu.signatures.autopsy.plan import Mistake
from pytest_rtcmpu.signatures.autopsy.signed import SIGNED
from pytest_rtcmpu.signatures.autopsy.texts import TEXTS

#: Where two give the same signature for a request, the one that comes first is named.
MISTAKES: tuple[Mistake | Encoding, ...] = (
    *ENCODINGS,
    *ORDERS,
    AS_SENT,
    *HEADERS,
    *TEXTS,
    *KEYS,
    *SIGNED,
)

_STAGES: dict[str, str] = {
    **{mistake.id: mistake.stage for mistake in MISTAKES if isinstance(mistake, Mistake)},
    **{cause.id: cause.stage for cause in ENCODER_CAUSES.values()},
    "double-encoding": "encoded",
}
#: The ids of all causes that a mistake in this table gives.
CAUSES = frozenset(_STAGES)
#: The ids of the causes that say how characters were encoded before signing.
ENCODING_CAUSES = frozenset(id for id, stage in _STAGES.items() if stage == "encoded")

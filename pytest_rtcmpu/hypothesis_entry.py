"""What Hypothesis calls when it is imported: ``st.from_type(StartMPUTask)`` works from then on.

Whoever imports Hypothesis pays for this, whether they use the package or not: so no type is
imported here. Those that there are strategies for announce themselves when they are made.
"""

from __future__ import annotations

from pytest_rtcmpu.values.announced import hear


def register() -> None:
    """Register a strategy for each type that announces itself, to be made when it is drawn from."""
    hear(_register)


def _register(made: type) -> None:
    from hypothesis import strategies as st

    def strategy(_: object) -> st.SearchStrategy[object]:
        from pytest_rtcmpu.strategies.of_types import of_type

        return of_type(made)

    st.register_type_strategy(made, strategy)

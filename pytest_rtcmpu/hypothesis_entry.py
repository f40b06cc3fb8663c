"""What Hypothesis calls when it is imported: ``st.from_type(StartMPUTask)`` works from then on."""

from __future__ import annotations


def register() -> None:
    """Register the strategies of the model's types, to be made when they are first drawn from."""
    from hypothesis import strategies as st

    from pytest_rtcmpu.model import StartMPUTask, UserPane

    def tasks(_: object) -> st.SearchStrategy[StartMPUTask]:
        from pytest_rtcmpu import strategies

        return strategies.tasks()

    def panes(_: object) -> st.SearchStrategy[UserPane]:
        from pytest_rtcmpu import strategies

        return strategies.user_pane()

    st.register_type_strategy(StartMPUTask, tasks)
    st.register_type_strategy(UserPane, panes)

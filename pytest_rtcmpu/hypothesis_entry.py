"""What Hypothesis calls when it is imported: ``st.from_type(StartMPUTask)`` works from then on."""

from __future__ import annotations


def register() -> None:
    """Register the strategies of the model's types, to be made when they are first drawn from."""
    from hypothesis import strategies as st

    from pytest_rtcmpu.model import StartMPUTask, UserPane

    def any_task(_: object) -> st.SearchStrategy[StartMPUTask]:
        from pytest_rtcmpu.strategies import tasks

        return tasks()

    def any_pane(_: object) -> st.SearchStrategy[UserPane]:
        from pytest_rtcmpu.strategies import user_pane

        return user_pane()

    st.register_type_strategy(StartMPUTask, any_task)
    st.register_type_strategy(UserPane, any_pane)

"""Hypothesis strategies, derived from the contract: valid tasks, and requests with one defect.

:func:`tasks` and one strategy a parameter make what every edition's documentation allows;
:func:`violations` breaks exactly one rule of the operation's parameters, :func:`gateway_violations`
one of the envelope around them. What the sources are silent on is never made, neither as valid nor
as invalid. Everything shrinks to the plainest value, and takes another ``contract`` than the
default edition.
"""

from pytest_rtcmpu.strategies.envelopes import GatewayViolation, gateway_violations
from pytest_rtcmpu.strategies.tasks import requests, tasks
from pytest_rtcmpu.strategies.values import (
    app_ids,
    background_colors,
    channel_ids,
    layout_ids,
    media_encodes,
    pane_ids,
    source_types,
    stream_urls,
    task_ids,
    task_profiles,
    user_ids,
    user_pane,
    user_panes,
)
from pytest_rtcmpu.strategies.violations import Violation, violations

__all__ = [
    "GatewayViolation",
    "Violation",
    "app_ids",
    "background_colors",
    "channel_ids",
    "gateway_violations",
    "layout_ids",
    "media_encodes",
    "pane_ids",
    "requests",
    "source_types",
    "stream_urls",
    "task_ids",
    "task_profiles",
    "tasks",
    "user_ids",
    "user_pane",
    "user_panes",
    "violations",
]

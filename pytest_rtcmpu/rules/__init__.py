"""Judging an operation's parameters: ordered pairs in, every broken rule out.

The one place where a value meets the contract. The model asks when a request is made, the endpoint
when one comes in, the strategies when they promise that exactly one rule is broken.
"""

from __future__ import annotations

from pytest_rtcmpu.rules.found import Collected, Pairs, as_pairs, collect
from pytest_rtcmpu.rules.judging import judge, judge_collected
from pytest_rtcmpu.rules.leads import of_other_operation, with_leads
from pytest_rtcmpu.rules.relations import Spot, breaches, spots
from pytest_rtcmpu.rules.values import (
    integer,
    is_integer,
    is_number,
    is_open_integer,
    number,
    same_value,
    value_of,
    wire_text,
)
from pytest_rtcmpu.rules.verdicts import Judgement, Note, Problem, shown

__all__ = [
    "Collected",
    "Judgement",
    "Note",
    "Pairs",
    "Problem",
    "Spot",
    "as_pairs",
    "breaches",
    "collect",
    "integer",
    "is_integer",
    "is_number",
    "is_open_integer",
    "judge",
    "judge_collected",
    "number",
    "of_other_operation",
    "same_value",
    "shown",
    "spots",
    "value_of",
    "wire_text",
    "with_leads",
]

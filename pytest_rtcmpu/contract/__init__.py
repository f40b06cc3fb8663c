"""The contract: what the documentation says, as data.

An edition is a folder beside this module, with a TOML file for each operation; :func:`load` reads
it into frozen dataclasses. Nothing else in the package states a documented value.
"""

from __future__ import annotations

from pytest_rtcmpu.contract.loader import DEFAULT_EDITION, editions, in_force, load, parse
from pytest_rtcmpu.contract.types import (
    Clause,
    CommonParameter,
    Contract,
    ContractError,
    EnumValue,
    ErrorRow,
    Items,
    Level,
    Operation,
    Parameter,
    ParameterKind,
    Quantity,
    Relation,
    ReplyField,
    Service,
    SignatureKind,
    SignatureScheme,
    Silence,
    Source,
    Subject,
)

__all__ = [
    "DEFAULT_EDITION",
    "Clause",
    "CommonParameter",
    "Contract",
    "ContractError",
    "EnumValue",
    "ErrorRow",
    "Items",
    "Level",
    "Operation",
    "Parameter",
    "ParameterKind",
    "Quantity",
    "Relation",
    "ReplyField",
    "Service",
    "SignatureKind",
    "SignatureScheme",
    "Silence",
    "Source",
    "Subject",
    "editions",
    "in_force",
    "load",
    "parse",
]

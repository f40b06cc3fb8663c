"""Each operation's request as a value: made only when every documented rule holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import InitVar, dataclass, fields
from functools import cache
from typing import Any, ClassVar, Self

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu import rules
from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.contract.elsewhere import to_give
from pytest_rtcmpu.errors import InvalidTask
from pytest_rtcmpu.model.enums import MediaEncode, TaskProfile
from pytest_rtcmpu.model.forms import flatten, starts_of, unflatten
from pytest_rtcmpu.model.making import Making
from pytest_rtcmpu.model.names import python_name
from pytest_rtcmpu.model.panes import UserPane, pythonic
from pytest_rtcmpu.rules import Pairs, Problem
from pytest_rtcmpu.values.announced import announced

_DEFAULT = _contract.load()
_PANES = "UserPanes"


class OperationRequest:
    """What the requests of all operations have in common.

    A parameter that has no field of its own, because only a later edition has it, is given by its
    Python name (``crop_mode=2``) and read by it; ``further`` holds them.
    """

    action: ClassVar[str]
    further: tuple[tuple[str, Any], ...]
    _params: dict[str, Any]
    _starts: dict[str, int]

    def __new__(cls, *unnamed: Any, **given: Any) -> Self:
        """Refuse documented names, and values without one, before Python says what is missing."""
        if unnamed:
            names = ", ".join(f"{name}=" for name in _names_of(cls.action))
            raise TypeError(f"{cls.action} takes its parameters by name: {names}")
        documented = [name for name in given if name[:1].isupper()]
        known = _names_of(cls.action) if documented else ()
        meant = {n: python_name(n) for n in documented if python_name(n) in known}
        if meant:
            names, those = ", ".join(map(repr, meant)), ", ".join(meant.values())
            raise TypeError(
                f"{cls.action} has no parameter {names}; did you mean {those}? "
                f"{cls.action}.from_params({{…}}) takes documented names"
            )
        return super().__new__(cls)

    def _make(self, contract: Contract | None, given: Mapping[str, object]) -> None:
        view = _view(self.action, contract)
        making = Making(view)
        making.take(given)
        making.finish()
        self._keep(view, making.params)

    def _keep(self, view: Contract, params: dict[str, Any]) -> None:
        shown = {
            python_name(p.name): pythonic(p, params[p.name])
            for p in view.parameters
            if p.name in params
        }
        own = [f for f in fields(self) if f.name != "further"]  # type: ignore[arg-type]
        for f in own:
            object.__setattr__(self, f.name, shown.pop(f.name, _ABSENT.get(f.name)))
        object.__setattr__(self, "further", tuple(shown.items()))
        object.__setattr__(self, "_params", params)
        object.__setattr__(self, "_starts", starts_of(view))
        object.__setattr__(self, "_known", {python_name(p.name) for p in view.parameters})
        lists = {p.name: p.bases for p in view.parameters if p.bases}
        object.__setattr__(self, "_lists", lists)

    def __getattr__(self, name: str) -> Any:
        for known, value in self.__dict__.get("further", ()):
            if known == name:
                return value
        known = self.__dict__.get("_known", ())
        if not name.startswith("_") and (name in known or name in _names_of(self.action)):
            return None  # a parameter that was not given
        raise AttributeError(f"{type(self).__name__} has no parameter {name!r}")

    def __repr__(self) -> str:
        own = [(f.name, getattr(self, f.name)) for f in fields(self) if f.name != "further"]  # type: ignore[arg-type]
        inner = ", ".join(f"{name}={value!r}" for name, value in (*own, *self.further))
        return f"{type(self).__name__}({inner})"

    @property
    def params(self) -> dict[str, Any]:
        """What was given, by the documented names, with nested lists."""
        return dict(self._params)

    def to_wire(self, *, user_panes_from: int | None = None) -> list[tuple[str, str]]:
        """Return the operation's parameters as ordered (name, value) pairs, not yet encoded.

        Args:
            user_panes_from: where UserPanes counts from, where the edition leaves a choice: 0 as in
                S1's example (the default there), or 1 as the published clients do.

        Raises:
            ValueError: for another start than the edition has.
        """
        starts = self._starts
        if user_panes_from is not None:
            bases = self._lists.get(_PANES)
            if bases is not None and user_panes_from not in bases:
                raise ValueError(
                    f"user_panes_from: expected one of {bases}, got {user_panes_from!r}"
                )
            starts = {**starts, _PANES: user_panes_from}
        return flatten(self._params, starts)

    @classmethod
    def from_params(cls, params: Mapping[str, Any], *, contract: Contract | None = None) -> Self:
        """Return the request of documented names and their values, with nested lists.

        Raises:
            InvalidTask: when they break a rule.
            TypeError: for a name that the edition does not have.
        """
        made = object.__new__(cls)
        made._make(contract, {python_name(name): value for name, value in params.items()})
        return made

    @classmethod
    def from_wire(
        cls, pairs: Pairs | Mapping[str, str], *, contract: Contract | None = None
    ) -> Self:
        """Return the request that pairs describe; names the contract does not know are ignored.

        Args:
            pairs: (name, value) pairs, or a mapping of names to values.

        Raises:
            InvalidTask: when they break a rule or say something twice.
        """
        pairs = rules.as_pairs(pairs)
        view = _view(cls.action, contract)
        found = rules.collect(pairs, view)
        judged = rules.judge_collected(found, view).problems
        problems = list(rules.with_leads(judged, pairs, view, to_give, of_absent=False))
        once = view.clause("request.parameter.once")
        problems += (
            Problem(path=name, expected="to be sent once", got="it again", clause=once)
            for name in found.repeated
        )
        if problems:
            raise InvalidTask(tuple(problems))
        made = object.__new__(cls)
        made._keep(view, unflatten(found, view))
        return made


#: What a field shows of a parameter that was not given, where it is not ``None``.
_ABSENT: Mapping[str, Any] = {"layout_ids": (), "user_panes": ()}


def _names_of(action: str) -> tuple[str, ...]:
    """The Python names of an operation's parameters, in every edition of the package."""
    names = (
        python_name(p.name)
        for edition in _contract.editions()
        for p in _parameters_of(edition, action)
    )
    return tuple(dict.fromkeys(names))


def _parameters_of(edition: str, action: str) -> Iterator[Any]:
    try:
        yield from _contract.load(edition).operation(action).parameters
    except _contract.ContractError:
        return


@announced
@dataclass(frozen=True, kw_only=True, repr=False)
class StartMPUTask(OperationRequest):
    """The parameters of StartMPUTask, valid by construction (S1).

    Attributes:
        app_id, channel_id, task_id: not empty; app_id and task_id together name the task.
        task_profile: a :class:`TaskProfile` or its value.
        media_encode: a :class:`MediaEncode` or its value: 0, 1, 10, 20 or 30.
        background_color: 0 to 16777215, see :func:`rgb`; black by default.
        layout_ids: one layout or more of 1 to 11, or registered in the contract given.
        user_panes: none or more :class:`UserPane`.
        stream_url: an absolute ``rtmp://`` URL with host and path.
        further: (Python name, value) pairs of parameters that only a later edition has; they are
            given and read by name: ``StartMPUTask(…, crop_mode=2, contract=…).crop_mode``.
        contract: the contract to judge by, where it is not the default edition as it stands. What
            an edition leaves optional may be left out, and shows as ``None``.

    Raises:
        InvalidTask: which lists every problem with parameter, expected, got and clause.
        TypeError: for a parameter that the edition does not have; it names the one that does.
    """

    action: ClassVar[str] = "StartMPUTask"

    app_id: str
    channel_id: str
    task_id: str
    task_profile: TaskProfile
    media_encode: MediaEncode
    background_color: int = 0
    layout_ids: tuple[int, ...]
    user_panes: tuple[UserPane, ...] = ()
    stream_url: str
    further: tuple[tuple[str, Any], ...] = ()
    contract: InitVar[Contract | None] = None

    def __init__(
        self,
        *,
        app_id: str | None,
        channel_id: str | None,
        task_id: str | None,
        task_profile: TaskProfile | str | None = None,
        media_encode: MediaEncode | int | None = None,
        layout_ids: Iterable[int] | None = None,
        stream_url: str | None,
        background_color: int | None = None,
        user_panes: Iterable[UserPane | Mapping[str, Any]] = (),
        further: Iterable[tuple[str, Any]] = (),
        contract: Contract | None = None,
        **more: Any,
    ) -> None:
        given = {
            "app_id": app_id,
            "channel_id": channel_id,
            "task_id": task_id,
            "task_profile": task_profile,
            "media_encode": media_encode,
            "background_color": background_color,
            "layout_ids": layout_ids,
            "user_panes": user_panes,
            "stream_url": stream_url,
        }
        self._make(contract, {**given, **dict(further), **more})


@announced
@dataclass(frozen=True, kw_only=True, repr=False)
class StopMPUTask(OperationRequest):
    """The parameters of StopMPUTask (S2 StopMPUTask).

    Attributes:
        app_id, task_id: not empty; together they name the task.

    Raises:
        InvalidTask, TypeError: as :class:`StartMPUTask` does.
    """

    action: ClassVar[str] = "StopMPUTask"

    app_id: str
    task_id: str
    further: tuple[tuple[str, Any], ...] = ()
    contract: InitVar[Contract | None] = None

    def __init__(
        self,
        *,
        app_id: str | None,
        task_id: str | None,
        further: Iterable[tuple[str, Any]] = (),
        contract: Contract | None = None,
        **more: Any,
    ) -> None:
        given = {"app_id": app_id, "task_id": task_id}
        self._make(contract, {**given, **dict(further), **more})


@announced
@dataclass(frozen=True, kw_only=True, repr=False)
class GetMPUTaskStatus(OperationRequest):
    """The parameters of GetMPUTaskStatus (S2 GetMPUTaskStatus).

    Attributes:
        app_id, task_id: not empty; together they name the task.
        channel_id: the task's channel; 2019-05 requires it, a later edition has it no more.

    Raises:
        InvalidTask, TypeError: as :class:`StartMPUTask` does.
    """

    action: ClassVar[str] = "GetMPUTaskStatus"

    app_id: str
    channel_id: str | None = None
    task_id: str
    further: tuple[tuple[str, Any], ...] = ()
    contract: InitVar[Contract | None] = None

    def __init__(
        self,
        *,
        app_id: str | None,
        channel_id: str | None = None,
        task_id: str | None,
        further: Iterable[tuple[str, Any]] = (),
        contract: Contract | None = None,
        **more: Any,
    ) -> None:
        given = {"app_id": app_id, "channel_id": channel_id, "task_id": task_id}
        self._make(contract, {**given, **dict(further), **more})


@dataclass(frozen=True, kw_only=True, repr=False)
class _Other(OperationRequest):
    """The parameters of an operation that has no class written out, by their Python names.

    Raises:
        InvalidTask, TypeError: as :class:`StartMPUTask` does.
    """

    action: ClassVar[str]

    further: tuple[tuple[str, Any], ...] = ()
    contract: InitVar[Contract | None] = None

    def __init__(
        self,
        *,
        further: Iterable[tuple[str, Any]] = (),
        contract: Contract | None = None,
        **more: Any,
    ) -> None:
        self._make(contract, {**dict(further), **more})


_WRITTEN: Mapping[str, type[OperationRequest]] = {
    kind.action: kind for kind in (StartMPUTask, StopMPUTask, GetMPUTaskStatus)
}


@cache
def request_class(action: str, contract: Contract | None = None) -> type[OperationRequest]:
    """Return the class of an operation's requests: written out, or made of its parameters.

    Args:
        contract: an edition that has it, where no edition of the package does.

    Raises:
        ContractError: for an operation that none of them has.
    """
    if action in _WRITTEN:
        return _WRITTEN[action]
    try:
        view = _first_with(action)
    except _contract.ContractError:
        if contract is None:
            raise
        view = contract.operation(action)
    names = ", ".join(python_name(p.name) for p in view.parameters)
    doc = f"The parameters of {action} ({view.in_view.source}): {names}.\n\n{_Other.__doc__}"
    # Where pickle finds it again: the package of models makes it when it is asked for.
    return type(action, (_Other,), {"action": action, "__doc__": doc, "__module__": _HOME})


_HOME = __name__.rpartition(".")[0]


def _view(action: str, contract: Contract | None) -> Contract:
    """A contract seen from an operation; without one the first edition that has it."""
    if contract is None:
        return _first_with(action)
    return _contract.in_force(contract).operation(action)


def _first_with(action: str) -> Contract:
    """The default edition seen from an operation, or the first other one that has it."""
    for edition in (_DEFAULT.edition, *_contract.editions()):
        contract = _contract.load(edition)
        if action in contract.operations:
            return contract.operation(action)
    return _DEFAULT.operation(action)  # which says what there is
